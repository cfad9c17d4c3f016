import type { Answer } from '../core/answers.ts'
import { parseBasic } from '../core/clients.ts'
import type { Parameters } from '../core/parameters.ts'
import { headerOf, type RawRequest } from '../core/raw-http.ts'
import type { Privo } from './state.ts'
import { challengeAnswer, REALM, unauthenticatedAnswer } from './answers.ts'

/** @returns the server's refusal; undefined when the request is the client's. HTTP Basic goes first. */
export function clientRefusal(privo: Privo, request: RawRequest, parameters: Parameters): Answer | undefined {
  const { client, switches } = privo.state
  const authorization = headerOf(request, 'authorization')
  const isBasicOn = switches.clientAuth.includes('basic-raw') || switches.clientAuth.includes('basic-encoded')
  if (isBasicOn && /^basic /i.test(authorization ?? '')) {
    if (isBasicOfClient(privo, authorization)) return undefined
    return challengeAnswer(`Bearer ${REALM}`, 'unauthorized', 'Bad credentials')
  }

  const clientId = parameters('client_id')
  if (!switches.clientAuth.includes('parameters') || clientId === undefined) return unauthenticatedAnswer()
  if (clientId === client.clientId && parameters('client_secret') === client.clientSecret) return undefined
  return challengeAnswer('Form realm="oauth", ', 'invalid_client', 'Bad client credentials')
}

function isBasicOfClient({ state }: Privo, header: string | undefined): boolean {
  const { client, switches } = state
  const sent = parseBasic(header, 'raw')
  if (sent === undefined || client.clientSecret === undefined) return false

  const { clientAuth } = switches
  if (
    clientAuth.includes('basic-raw') &&
    sent.clientId === client.clientId &&
    sent.clientSecret === client.clientSecret
  ) {
    return true
  }
  return (
    clientAuth.includes('basic-encoded') &&
    percentDecoded(sent.clientId) === client.clientId &&
    sent.clientSecret === encodePathSegment(client.clientSecret)
  )
}

/** As Spring's UriUtils: `+` stays what it is. */
function percentDecoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

/** As Spring's UriUtils.encodePathSegment: all that a path segment may hold (RFC 3986 §3.3, `pchar`) stays as it is. */
function encodePathSegment(text: string): string {
  return encodeURIComponent(text).replaceAll(/%(?:24|26|2B|2C|3A|3B|3D|40)/g, decodeURIComponent)
}
