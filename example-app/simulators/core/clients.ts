/** A client as the operator registered it, and may change it at any time. */
export interface RegisteredClient {
  readonly clientId: string
  /** What the client calls its secret; a public client has none. */
  clientSecret: string | undefined
  /** Compared as strings, byte for byte (RFC 6749 §3.1.2.3, OIDC Core §3.1.2.1). */
  redirectUris: readonly string[]
  /** Where a sign-out may send the browser. */
  postLogoutRedirectUris?: readonly string[] | undefined
  /** For the consent page. */
  readonly name: string
}

export interface BasicCredentials {
  readonly clientId: string
  readonly clientSecret: string
}

/**
 * Reads `Authorization: Basic …`: what stands between the colon as sent (`raw`), or form-decoded as RFC 6749 §2.3.1
 * wants it.
 *
 * @returns undefined when it is another scheme or not to be read.
 */
export function parseBasic(header: string | undefined, encoding: 'raw' | 'form'): BasicCredentials | undefined {
  const encoded = /^basic +([A-Za-z0-9+/]+=*)$/i.exec(header ?? '')?.[1]
  if (encoded === undefined) return undefined

  const decoded = Buffer.from(encoded, 'base64').toString('utf8')
  const colon = decoded.indexOf(':')
  if (colon === -1) return undefined
  const [clientId, clientSecret] = [decoded.slice(0, colon), decoded.slice(colon + 1)]
  if (encoding === 'raw') return { clientId, clientSecret }

  try {
    return { clientId: formDecode(clientId), clientSecret: formDecode(clientSecret) }
  } catch {
    return undefined
  }
}

function formDecode(text: string): string {
  return decodeURIComponent(text.replaceAll('+', ' '))
}
