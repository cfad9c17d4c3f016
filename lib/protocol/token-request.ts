import type { TokenRequestForm } from '../providers/provider.ts'

/** What `openid-client` is about to send. */
export interface OutgoingRequest {
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: unknown
}

/** Told from the other requests of a client, such as a revocation, by its grant type (RFC 6749 §4.1.3). */
export function isTokenRequest(body: unknown): body is URLSearchParams {
  return body instanceof URLSearchParams && body.has('grant_type')
}

/**
 * Writes a token request as the server wants it. In the URL or in the body, never in both: some servers refuse the one, some the other,
 * and all of them a mixture.
 *
 * @returns with `query` a URL that holds credentials: not to be shown to anybody.
 */
export function writeTokenRequest<Init extends OutgoingRequest>(
  { parameters, contentType }: TokenRequestForm,
  url: string,
  init: Init & { readonly body: URLSearchParams },
): [string, Omit<Init, 'body' | 'headers'> & { headers: Record<string, string>; body: string | undefined }] {
  const { 'content-type': _form, ...headers } = init.headers
  const labelled = (type: string): Record<string, string> => ({ ...headers, 'content-type': contentType ?? type })
  switch (parameters) {
    case 'form':
      return [url, { ...init, headers: labelled('application/x-www-form-urlencoded'), body: init.body.toString() }]
    case 'json':
      return [url, { ...init, headers: labelled('application/json'), body: JSON.stringify(Object.fromEntries(init.body)) }] // prettier-ignore
    case 'query': {
      const whole = `${url}${url.includes('?') ? '&' : '?'}${init.body.toString()}`
      // Some want a label on nothing.
      return [whole, { ...init, headers: contentType === undefined ? headers : labelled(contentType), body: undefined }]
    }
    default:
      return parameters satisfies never
  }
}
