import { tokenRevocation } from 'openid-client'
import type { Provider } from '../providers/provider.ts'
import type { Connection } from './server-connection.ts'
import { readTokenFailure } from './token-failure.ts'
import type { TokenSet } from './token-response.ts'

/** Revokes what the server lets be revoked (RFC 7009 §2.1). Does nothing where it has no such endpoint. */
export async function revokeTokens(
  { configuration, server }: Connection,
  { revocation }: Pick<Provider, 'revocation'>,
  { accessToken, refreshToken }: TokenSet,
): Promise<void> {
  if (revocation === 'none' || server.metadata.revocation_endpoint === undefined) return
  const [token, hint] =
    revocation === 'access_token' || refreshToken === undefined
      ? [accessToken, 'access_token']
      : [refreshToken, 'refresh_token']
  try {
    await tokenRevocation(configuration, token, { token_type_hint: hint })
  } catch (thrown) {
    // Some servers call a token that has expired an error; RFC 7009 §2.2 says why it is none.
    if (readTokenFailure(thrown).error !== 'invalid_token') throw thrown
  }
}
