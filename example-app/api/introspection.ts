export interface IntrospectionOptions {
  readonly introspectionEndpoint: string
  readonly clientId: string
  readonly clientSecret: string
}

/** What the authorization server says about a good token. */
export interface TokenInfo {
  readonly sub: string
  readonly scope: string
  /** Seconds since the epoch. */
  readonly exp: number
}

/** The authorization server could not be asked, so nobody knows whether the token is good. */
export class IntrospectionUnavailable extends Error {}

const TIMEOUT_MS = 5_000

/**
 * Asks the authorization server about a token (RFC 7662).
 *
 * @returns undefined when the token is not, or no longer, good.
 * @throws {IntrospectionUnavailable} when there was no usable answer.
 */
export async function introspect(token: string, options: IntrospectionOptions): Promise<TokenInfo | undefined> {
  const answer = await ask(token, options)
  if (answer['active'] !== true) return undefined

  const { sub, scope, exp } = answer
  if (typeof sub !== 'string' || typeof exp !== 'number') return undefined
  return { sub, exp, scope: typeof scope === 'string' ? scope : '' }
}

async function ask(token: string, options: IntrospectionOptions): Promise<Record<string, unknown>> {
  try {
    const response = await fetch(options.introspectionEndpoint, {
      method: 'POST',
      headers: { Authorization: basicCredentials(options), Accept: 'application/json' },
      body: new URLSearchParams({ token, token_type_hint: 'access_token' }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    })
    const body: unknown = await response.json()
    if (response.ok && typeof body === 'object' && body !== null) return body as Record<string, unknown>
    throw new IntrospectionUnavailable(`the introspection endpoint answered with status ${response.status}`)
  } catch (cause) {
    if (cause instanceof IntrospectionUnavailable) throw cause
    throw new IntrospectionUnavailable('the introspection endpoint gave no answer', { cause })
  }
}

/** Both parts are form-encoded first (RFC 6749 §2.3.1). */
function basicCredentials({ clientId, clientSecret }: IntrospectionOptions): string {
  const encode = (text: string): string => new URLSearchParams({ '': text }).toString().slice(1)
  return `Basic ${Buffer.from(`${encode(clientId)}:${encode(clientSecret)}`).toString('base64')}`
}
