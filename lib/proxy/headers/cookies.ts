/** Browsers hold cookies with these to rules, whatever their case (RFC 6265bis §4.1.3, §5.7). */
const PREFIX = /^__(?:host-http|host|secure|http)-/

/** Names of sessions of this package, of any instance. */
const OWN = /^latchkey(?:-|$)/

/** Blanks of any kind, also those that only some servers cut off. */
function bareName(name: string): string {
  const bare = name.trim().toLowerCase()
  return (bare.startsWith('"') ? bare.replaceAll('"', '').trim() : bare).replace(PREFIX, '')
}

/** Would some browser or server take a cookie of this name for the session's? */
function isOwn(name: string, sessionCookies: readonly string[]): boolean {
  const bare = bareName(name)
  return OWN.test(bare) || sessionCookies.some((own) => bare === bareName(own))
}

/**
 * The cookies that the target may see.
 *
 * @param header `Cookie` of the request.
 * @param sessionCookies stay here, also where their names are among `names`.
 */
export function cookiesToForward(
  header: string | undefined,
  names: ReadonlySet<string>,
  sessionCookies: readonly string[],
): string {
  if (header === undefined || names.size === 0) return ''
  const pairs = header.split(';').map((pair) => pair.trim())
  return pairs
    .filter((pair) => {
      const name = nameOf(pair)
      return names.has(name) && !isOwn(name, sessionCookies)
    })
    .join('; ')
}

/** Would this `Set-Cookie` of the target replace a session's cookie, or stand beside it? */
export function setsSession(setCookie: string, sessionCookies: readonly string[]): boolean {
  // Browsers keep `=name=value` as a cookie without a name, and send it back as `name=value`.
  return isOwn(nameOf(setCookie.replace(/^[\s=]*/, '')), sessionCookies)
}

function nameOf(pair: string): string {
  return (pair.split(/[=;]/, 1)[0] as string).trim()
}
