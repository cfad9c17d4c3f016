import { parseBasic } from '../core/clients.ts'
import type { Parameters } from '../core/parameters.ts'
import { headerOf, type RawRequest } from '../core/raw-http.ts'
import type { HealthKeyState } from './state.ts'

/**
 * Whether the request comes from the registered client. A secret that is sent must be right, also where none is
 * needed; Basic is understood, and form-decoded (RFC 6749 §2.3.1).
 */
export function isFromClient(
  { client, switches }: HealthKeyState,
  request: RawRequest,
  parameters: Parameters,
  { secretNeeded }: { readonly secretNeeded: boolean },
): boolean {
  const basic = parseBasic(headerOf(request, 'authorization'), 'form')
  const clientId = basic?.clientId ?? parameters('client_id')
  const secret = basic?.clientSecret ?? parameters('client_secret')
  if (clientId !== client.clientId) return false

  const isPublic = switches.clientType === 'public'
  if (secret === undefined) return isPublic || !secretNeeded
  return !isPublic && secret === client.clientSecret
}
