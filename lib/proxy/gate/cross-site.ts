import type { Request } from 'express'
import { wantsEventStream } from '../../event-stream.ts'
import { siteOf } from '../../express/navigation.ts'

const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS'])

/** Has Node taken it for an upgrade, and emitted it as such? Where nobody listens for those, it is a request like others. */
export function isUpgrade(req: Request): boolean {
  return 'upgrade' in req && req.upgrade === true
}

/** Would it do harm if a page of another site made the browser send this? Such a page cannot read the answer to anything else. */
export function needsProof(req: Request): boolean {
  return !SAFE_METHODS.has(req.method) || isUpgrade(req) || wantsEventStream(req)
}

/**
 * Does a page of ours, a page of one of `others`, or no page at all send this? The first of these decides:
 *
 * 1. `Sec-Fetch-Site`: `same-origin`, or `none` (the user's own doing, which no page can cause). `same-site` is another origin
 * 2. `Origin`, or where there is none, `Referer`
 * 3. `X-Requested-With`, with any value: a page of another site cannot add it without asking first (CORS)
 *
 * `Origin` is what tells of `others`, whatever the browser says of their site.
 */
export function isOurOwn(req: Request, ourOrigin: string, others: ReadonlySet<string>): boolean {
  const { origin, 'sec-fetch-site': site } = req.headers
  if (origin !== undefined && others.has(origin)) return true
  if (site === 'none') return true
  const from = siteOf(req, ourOrigin)
  return from === 'same-origin' || (from === 'unknown' && req.headers['x-requested-with'] !== undefined)
}
