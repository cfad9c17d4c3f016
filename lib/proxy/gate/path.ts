/**
 * What is wrong with the path and query of a request, or `undefined`.
 *
 * The path that routes and guards of the application saw is the path that goes out, byte for byte. Whatever two servers could read in two
 * ways is refused, so nothing has to be normalised. A path
 *
 * 1. begins with `/` and consists of visible ASCII; a whole URL, `*`, and a fragment are no path
 * 2. has no empty segment (`//`), no `.` or `..`, no `\`, and no `;` (some servers cut path parameters off)
 * 3. has percent-encodings of UTF-8, in upper or lower case (RFC 3986 §2.1), and none of a control character, of `/ \ ; ? #`, of another
 *    percent-encoding (`%252e`), or of a character that never needs one (letters, digits, `- . _ ~`; RFC 3986 §2.3)
 * 4. has no character that becomes `/`, `\` or a dot segment where Unicode is folded (NFKC)
 *
 * The query may have anything that is visible ASCII, but for `#`. Case is not looked at: the router of an Express application takes
 * `/Admin` for `/admin` unless told otherwise; if it is told, guards must know how the target takes it.
 */
export function pathComplaint(url: string): string | undefined {
  if (!VISIBLE.test(url)) return 'its path does not begin with "/", or has something in it that must be percent-encoded'
  const end = url.indexOf('?')
  const path = end === -1 ? url : url.slice(0, end)
  if (AMBIGUOUS.test(path)) return 'its path has an empty or a dot segment, "\\" or ";"'
  return path.includes('%') ? encodingComplaint(path) : undefined
}

/** Without `#`. */
const VISIBLE = /^\/[!"$-~]*$/
const AMBIGUOUS = /\/\/|[\\;]|\/\.{1,2}(?:\/|$)/

const INVALID = /%(?![\da-f]{2})/i
const CONTROL_OR_DELIMITER = /%(?:[01][\da-f]|7f|2f|5c|3b|3f|23|25[\da-f]{2})/i
const UNRESERVED = /%(?:2d|2e|5f|7e|3\d|[46][1-9a-f]|[57][\da])/i
/** A blank after the dots is lost on Windows. */
const DOTS = /\/\.{1,2} *(?:\/|$)/

function encodingComplaint(path: string): string | undefined {
  if (INVALID.test(path)) return 'its path has an invalid percent-encoding'
  if (CONTROL_OR_DELIMITER.test(path))
    return 'its path has a percent-encoding of a control character, "/", "\\", ";", "?", "#", or of another percent-encoding'
  if (UNRESERVED.test(path)) return 'its path has a percent-encoding of a letter, a digit, "-", ".", "_" or "~"'
  const text = decoded(path)
  if (text === undefined) return 'its path is not UTF-8'
  const folded = text.normalize('NFKC')
  const isAmbiguous = DOTS.test(folded) || folded.includes('\\') || slashes(folded) !== slashes(text)
  return isAmbiguous ? 'its path has something in it that could be taken for a slash or a dot segment' : undefined
}

/** Refuses what is no UTF-8, so also what is longer than it need be (`%c0%ae`). */
function decoded(path: string): string | undefined {
  try {
    return decodeURIComponent(path)
  } catch {
    return undefined
  }
}

function slashes(text: string): number {
  return text.split('/').length
}

/** Is it `prefix`, or goes on behind it with another segment? Both without a query. */
export function isBelow(path: string, prefix: string): boolean {
  if (!path.startsWith(prefix)) return false
  return path.length === prefix.length || prefix.endsWith('/') || path[prefix.length] === '/'
}
