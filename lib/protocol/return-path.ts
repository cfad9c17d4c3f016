declare const returnPath: unique symbol

/** A path on this site, safe to redirect to after sign-in. Made only by {@link parseReturnPath}. */
export type ReturnPath = string & { readonly [returnPath]: true }

const HERE = 'http://here.invalid'

/** The path travels inside `state`, so it is bounded: query strings of 8 KB and more are refused by many servers. */
const MAX_LENGTH = 2_000

/** Whatever is not a local path becomes `/` (open redirection, RFC 9700 §4.11). */
export function parseReturnPath(input: unknown): ReturnPath {
  if (typeof input === 'string' && input.startsWith('/') && URL.canParse(input, HERE)) {
    const { origin, pathname, search, hash } = new URL(input, HERE)
    const path = `${pathname}${search}${hash}`
    // Resolving dot segments can leave a leading `//`, which a browser reads as another host.
    if (origin === HERE && !pathname.startsWith('//') && path.length <= MAX_LENGTH) return path as ReturnPath
  }
  return '/' as ReturnPath
}
