import { ClientSecretPost, None, type ClientAuth } from 'openid-client'
import type { ClientAuthentication } from '../providers/provider.ts'

/**
 * Puts the client's credentials, and the redirect URI byte for byte as configured, on a token request.
 *
 * `openid-client` derives `redirect_uri` from the callback's address and loses a trailing `?`; the authentication function is the
 * last to see the body.
 *
 * @param onRefresh does a refresh request carry the credentials as well?
 */
export function clientAuthentication(
  method: ClientAuthentication,
  secret: string | undefined,
  redirectUri: string,
  onRefresh: boolean,
): ClientAuth {
  const authenticate = authenticator(method, secret)
  const nameOnly = None()
  return function authenticateClient(server, client, body, headers) {
    const grantType = body.get('grant_type')
    if (grantType === 'authorization_code') body.set('redirect_uri', redirectUri)
    const put = grantType === 'refresh_token' && !onRefresh ? nameOnly : authenticate
    put(server, client, body, headers)
  }
}

function authenticator(method: ClientAuthentication, secret: string | undefined): ClientAuth {
  if (secret === undefined) return None()
  switch (method) {
    case 'none':
      return None()
    case 'client_secret_post':
      return ClientSecretPost(secret)
    case 'client_secret_basic':
      return basic(secret, formEncode)
    case 'client_secret_basic_raw':
      return basic(secret, (value) => value)
    default:
      return method satisfies never
  }
}

/**
 * HTTP Basic, for RFC 6749 §2.3.1 with form-encoded parts. The library's own encodes `-`, `_` and `.` as well, which is allowed and
 * which servers that forget to decode refuse; encoding only what must be suits both.
 */
function basic(secret: string, encode: (value: string) => string): ClientAuth {
  return (_server, client, _body, headers) => {
    const credentials = `${encode(client.client_id)}:${encode(secret)}`
    headers.set('authorization', `Basic ${Buffer.from(credentials).toString('base64')}`)
  }
}

function formEncode(value: string): string {
  return new URLSearchParams({ '': value }).toString().slice(1)
}
