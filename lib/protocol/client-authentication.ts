import { ClientSecretPost, None, type ClientAuth } from 'openid-client'
import type { ClientAuthentication } from '../providers/provider.ts'

/**
 * Puts the client's credentials, and the redirect URI byte for byte as configured, on a token request.
 *
 * `openid-client` derives `redirect_uri` from the callback's address and loses a trailing `?`; the authentication function is the
 * last to see the body.
 */
export function clientAuthentication(
  method: ClientAuthentication,
  secret: string | undefined,
  redirectUri: string,
): ClientAuth {
  const authenticate = authenticator(method, secret)
  return function authenticateClient(server, client, body, headers) {
    if (body.get('grant_type') === 'authorization_code') body.set('redirect_uri', redirectUri)
    authenticate(server, client, body, headers)
  }
}

function authenticator(method: ClientAuthentication, secret: string | undefined): ClientAuth {
  if (method === 'none' || secret === undefined) return None()
  return method === 'client_secret_post' ? ClientSecretPost(secret) : basic(secret)
}

/**
 * HTTP Basic with form-encoded parts (RFC 6749 §2.3.1). The library's own encodes `-`, `_` and `.` as well, which is allowed and
 * which servers that forget to decode refuse; encoding only what must be suits both.
 */
function basic(secret: string): ClientAuth {
  return (_server, client, _body, headers) => {
    const credentials = `${formEncode(client.client_id)}:${formEncode(secret)}`
    headers.set('authorization', `Basic ${Buffer.from(credentials).toString('base64')}`)
  }
}

function formEncode(value: string): string {
  return new URLSearchParams({ '': value }).toString().slice(1)
}
