import { authorizedFetch, type TokenSource } from '../express/authorized-fetch.ts'
import type { Parts } from '../express/parts.ts'
import type { Registration } from '../express/registrations.ts'
import type { Purpose } from '../session/pending-sign-in.ts'
import type { ProviderAccount } from '../session/account.ts'
import type { ProviderSignIn } from './verify.ts'

/** What `verify` gets: the account, and its grant to use. */
export function signInHandle(
  { keeper, runtime }: Parts,
  { server }: Registration,
  { provider, user, scope, grantId }: ProviderAccount,
  purpose: Purpose,
): ProviderSignIn {
  const { expiredTokenAnswers, allowHttp } = server.provider
  const tokens: TokenSource = {
    expiredTokenAnswers,
    freshToken: async (request) => keeper.accessToken(grantId, request),
    isRefreshable: async () => (await keeper.state(grantId)).tokens.refreshToken !== undefined,
  }
  return {
    purpose,
    provider,
    user,
    scope,
    grantId,
    async accessToken({ resource, scope: part, signal } = {}) {
      const { token } = await tokens.freshToken({ resource, scope: part, signal })
      return token
    },
    fetch: async (url, init = {}) => authorizedFetch(tokens, { runtime, allowHttp }, url, init),
  }
}
