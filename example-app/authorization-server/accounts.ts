import { createHash, timingSafeEqual } from 'node:crypto'
import type { Account } from 'oidc-provider'

/** A person who can sign in at the demo identity server. */
export interface DemoAccount {
  /** What the person types as user name; also the `sub` claim. */
  readonly login: string
  readonly password: string
  readonly name: string
  readonly email: string
}

export const DEMO_ACCOUNTS: readonly DemoAccount[] = [
  { login: 'alice', password: 'wonderland', name: 'Alice Liddell', email: 'alice@example.com' },
  { login: 'bob', password: 'builder', name: 'Bob Builder', email: 'bob@example.com' },
]

export class Accounts {
  readonly #byLogin: ReadonlyMap<string, DemoAccount>

  constructor(accounts: readonly DemoAccount[]) {
    this.#byLogin = new Map(accounts.map((account) => [account.login, account]))
  }

  /** @returns the account whose user name and password these are. */
  authenticate(login: string, password: string): DemoAccount | undefined {
    const account = this.#byLogin.get(login)
    // An unknown user name costs the same comparison, so that timing does not tell which names exist.
    const matches = timingSafeEqual(digest(password), digest(account?.password ?? ''))
    return matches ? account : undefined
  }

  find(sub: string): Account | undefined {
    const account = this.#byLogin.get(sub)
    if (account === undefined) return undefined

    const [givenName = account.name, ...familyNames] = account.name.split(' ')
    return {
      accountId: account.login,
      claims: () => ({
        sub: account.login,
        name: account.name,
        given_name: givenName,
        family_name: familyNames.join(' '),
        preferred_username: account.login,
        email: account.email,
        email_verified: true,
      }),
    }
  }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
