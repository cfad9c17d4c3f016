import { parseBasic } from '../core/clients.ts'
import { FORM, isJson, mediaTypeOf, readJsonParameters, readParameters, type Parameters } from '../core/parameters.ts'
import { headerOf, type RawRequest } from '../core/raw-http.ts'
import type { DottedSignState } from './state.ts'

const JSON_MEDIA_TYPE = 'application/json'

/** Rails reads the query as well, after the body. A body with the wrong label is not read. */
export function parametersOf({ switches }: DottedSignState, request: RawRequest): Parameters {
  const mediaType = mediaTypeOf(request)
  const inQuery = readParameters(request.query)
  if (mediaType === JSON_MEDIA_TYPE && switches.bodyEncoding !== 'form') {
    const inBody = readJsonParameters(request.body)
    return (name) => inBody?.(name) ?? inQuery(name)
  }
  return mediaType === FORM && switches.bodyEncoding !== 'json' ? readParameters(request.body, request.query) : inQuery
}

/** A body that is labelled as JSON and is none; Rails answers before any endpoint does. */
export function isBroken({ switches }: DottedSignState, request: RawRequest): boolean {
  if (switches.bodyEncoding === 'form' || mediaTypeOf(request) !== JSON_MEDIA_TYPE) return false
  return request.body !== '' && !isJson(request.body)
}

export interface Credentials {
  readonly clientId: string | undefined
  readonly clientSecret: string | undefined
}

/** Doorkeeper reads HTTP Basic first, without decoding. */
export function credentialsOf(request: RawRequest, parameters: Parameters): Credentials {
  const basic = parseBasic(headerOf(request, 'authorization'), 'raw')
  return basic ?? { clientId: parameters('client_id'), clientSecret: parameters('client_secret') }
}

export function isClient({ client }: DottedSignState, { clientId, clientSecret }: Credentials): boolean {
  return clientId === client.clientId && clientSecret === client.clientSecret
}
