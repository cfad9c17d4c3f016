/** Claims about a token itself (RFC 7519 §4.1, OIDC Core §2, §3.3.2.11), not about the end-user. Its `iss` is kept: it says whose `sub` this is. */
export const TOKEN_CLAIMS: ReadonlySet<string> = new Set(['aud', 'exp', 'iat', 'nbf', 'jti', 'nonce', 'azp', 'at_hash', 'c_hash', 's_hash']) // prettier-ignore
