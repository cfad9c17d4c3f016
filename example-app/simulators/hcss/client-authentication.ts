import { parseBasic } from '../core/clients.ts'
import type { Parameters } from '../core/parameters.ts'
import { headerOf, type RawRequest } from '../core/raw-http.ts'
import type { HcssState } from './state.ts'

/** The client of a partner's server, which acts for itself: the one of HCSS's client credentials page. */
export const APP_CLIENT = { clientId: 'hcss-app-01', clientSecret: 'hcss-secret-01' } as const

/** `user` is the client that signs users in. */
export type AuthenticatedClient = 'user' | 'app'

/** @returns undefined for a client that is unknown or has not proven to be it. A public client's secret is not looked at. */
export function authenticateClient(
  { client, switches }: HcssState,
  request: RawRequest,
  parameters: Parameters,
): AuthenticatedClient | undefined {
  const basic = parseBasic(headerOf(request, 'authorization'), 'form')
  const clientId = basic?.clientId ?? parameters('client_id')
  const secret = basic?.clientSecret ?? parameters('client_secret')

  if (clientId === APP_CLIENT.clientId) return secret === APP_CLIENT.clientSecret ? 'app' : undefined
  if (clientId !== client.clientId) return undefined
  if (switches.clientType === 'public') return 'user'
  return secret !== undefined && secret === client.clientSecret ? 'user' : undefined
}
