import type { Response } from 'express'
import { responseHeaders, takesTrailers, type AnswerRules, type RawHeaders } from '../headers/headers.ts'
import type { Target } from '../target.ts'

/** What was decided by the head, and is not to be decided again behind the body (RFC 9110 §6.5.1). */
const OF_THE_HEAD = new Set([
  'age',
  'cache-control',
  'content-encoding',
  'content-length',
  'content-location',
  'content-range',
  'content-type',
  'date',
  'expires',
  'location',
  'retry-after',
  'set-cookie',
  'set-cookie2',
  'vary',
  'www-authenticate',
])

/** @returns the fields behind a target's body that this client takes (`TE: trailers`, RFC 9110 §10.1.4), as `res.addTrailers()` takes them. */
export function answerTrailers(raw: RawHeaders, res: Response, rules: AnswerRules, from: Target): [string, string][] {
  if (!takesTrailers(res.req)) return []
  const flat = responseHeaders(raw, rules, from)
  const pairs: [string, string][] = []
  for (let at = 0; at < flat.length; at += 2) {
    const name = flat[at] as string
    if (!OF_THE_HEAD.has(name)) pairs.push([name, flat[at + 1] as string])
  }
  return pairs
}
