import type { Response } from 'express'
import { textOf, type RawHeaders } from '../headers/headers.ts'
import { masked } from '../headers/token-mask.ts'

const PROCESSING = 102
const EARLY_HINTS = 103

/**
 * Passes on what a target says before its answer (RFC 9110 §15.2): that it works on it (RFC 2518 §10.1), and what the client may fetch
 * meanwhile (RFC 8297). Node can write no others.
 *
 * @param token that the target may not repeat.
 */
export function passOn(status: number, raw: RawHeaders, res: Response, token: string | undefined): void {
  // A client that speaks HTTP/1.0 would take it for the answer.
  if (res.req.httpVersion === '1.0' || res.headersSent) return
  if (status === PROCESSING) res.writeProcessing()
  if (status === EARLY_HINTS)
    writeHints(
      res,
      linksOf(raw).map((link) => masked(link, token)),
    )
}

function writeHints(res: Response, link: string[]): void {
  if (link.length === 0) return
  try {
    res.writeEarlyHints({ link })
  } catch {
    // Node takes fewer forms of them than there are, and a hint is only a hint.
  }
}

function linksOf(raw: RawHeaders): string[] {
  const links: string[] = []
  for (let at = 0; at < raw.length; at += 2)
    if (textOf(raw[at]).toLowerCase() === 'link') links.push(...textOf(raw[at + 1]).split(/,\s*(?=<)/))
  return links
}
