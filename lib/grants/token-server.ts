import type { RefreshOutcome, RefreshRequest } from '../protocol/authorization-server.ts'
import type { TokenSet } from '../protocol/token-response.ts'
import type { Provider } from '../providers/provider.ts'

/** What keeping a grant fresh needs of its authorization server. */
export interface TokenServer {
  readonly provider: Pick<Provider, 'rotation' | 'resources' | 'refreshEndsAccessToken'>
  /** Resolves when a request could be sent. @throws {AuthError} */
  ready(): Promise<void>
  /** Redeems a refresh token (RFC 6749 §6). Never throws. */
  refresh(refreshToken: string, request: RefreshRequest): Promise<RefreshOutcome>
  /** RFC 7009. */
  revoke(tokens: TokenSet): Promise<void>
  /** Did the server sign this ID Token? @throws {AuthError} while that cannot be known. */
  isSigned(idToken: string): Promise<boolean>
}
