export type Header = readonly [name: string, value: string]

/** An answer as it goes over the wire; Node.js adds `Content-Length`, `Date` and `Connection`. */
export interface Answer {
  readonly status: number
  readonly headers: readonly Header[]
  readonly body: string
}

export function emptyAnswer(status: number, headers: readonly Header[] = []): Answer {
  return { status, headers, body: '' }
}

/** Members that are undefined are left out. The order of headers and members is the order on the wire. */
export function jsonAnswer(status: number, headers: readonly Header[], value: unknown): Answer {
  return { status, headers, body: JSON.stringify(value) }
}

/** Sends the browser back to the client's redirect URI; parameters that are undefined are left out. */
export function redirectAnswer(
  redirectUri: string,
  parameters: Readonly<Record<string, string | undefined>>,
  fragment = '',
): Answer {
  return emptyAnswer(302, [['Location', `${withParameters(redirectUri, parameters)}${fragment}`]])
}

/**
 * Adds parameters to a redirect URI without touching what is there: `…/cb` gets a `?`, `…/cb?` is reused,
 * `…/cb?a=b` gets an `&` (RFC 6749 §3.1.2).
 */
function withParameters(redirectUri: string, parameters: Readonly<Record<string, string | undefined>>): string {
  const query = Object.entries(parameters)
    .filter((entry): entry is [string, string] => entry[1] !== undefined)
    .map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
    .join('&')
  if (query === '') return redirectUri
  if (!redirectUri.includes('?')) return `${redirectUri}?${query}`
  return `${redirectUri}${/[?&]$/.test(redirectUri) ? '' : '&'}${query}`
}
