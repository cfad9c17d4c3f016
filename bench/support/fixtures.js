/** Who signs in, at every contender. */
export const USER = { sub: 'alice', name: 'Alice Liddell' }
export const PASSWORD = 'wonderland'

/** The relying party that all contenders are at the authorization server. */
export const CLIENT = { clientId: 'bench', clientSecret: 'the-client-secret-of-the-bench' }

export const SECRET = 'a secret for the bench, and for the bench alone'
