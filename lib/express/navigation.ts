import type { Request } from 'express'

/** One slash at the end of a path makes no difference, as to Express itself. */
export function withoutLastSlash(path: string): string {
  return path.endsWith('/') ? path.slice(0, -1) : path
}

/**
 * Is a person looking at a page being loaded? Only such a request may start a sign-in: a script that follows a redirect to the
 * authorization server ends in a CORS error, and a prefetch signs nobody in (Fetch Metadata, and `Accept` for what lacks it).
 */
export function isNavigation(req: Request): boolean {
  return (req.method === 'GET' || req.method === 'HEAD') && wantsPage(req)
}

/** Should the answer be a page for people? Otherwise it is for a program. */
export function wantsPage(req: Request): boolean {
  if (isPrefetch(req)) return false
  const mode = req.get('sec-fetch-mode')
  if (mode !== undefined) return mode === 'navigate' && (req.get('sec-fetch-dest') ?? 'document') === 'document'
  if (req.get('x-requested-with') !== undefined) return false
  return /\btext\/html\b/.test(req.get('accept') ?? '')
}

/** Is the page loaded before anybody asked for it? */
export function isPrefetch(req: Request): boolean {
  return (req.get('sec-purpose') ?? req.get('purpose'))?.includes('prefetch') === true
}

/**
 * What a request says of where it comes from. `unknown` is no browser of today: all of them send `Sec-Fetch-Site`, or `Origin`
 * with a POST.
 */
export function siteOf(req: Request, ourOrigin: string): 'same-origin' | 'elsewhere' | 'unknown' {
  const site = req.get('sec-fetch-site')
  if (site !== undefined) return site === 'same-origin' ? 'same-origin' : 'elsewhere'
  const source = req.get('origin') ?? req.get('referer')
  if (source === undefined) return 'unknown'
  return URL.canParse(source) && new URL(source).origin === ourOrigin ? 'same-origin' : 'elsewhere'
}

/** Has a page of another site led the browser here, by whatever way? An address that was typed in, or a bookmark, is the user's own doing. */
export function isLedFromElsewhere(req: Request, ourOrigin: string): boolean {
  return req.get('sec-fetch-site') !== 'none' && siteOf(req, ourOrigin) === 'elsewhere'
}
