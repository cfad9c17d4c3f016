import type { Request } from 'express'

const EVENT_STREAM = /\btext\/event-stream\b/i

/** Does it want an answer that goes on for long (Server-Sent Events)? What asks for one says so. */
export function wantsEventStream({ headers: { accept } }: Request): boolean {
  return accept !== undefined && EVENT_STREAM.test(accept)
}

/** Is it one? */
export function isEventStream(contentType: string | undefined): boolean {
  return contentType !== undefined && EVENT_STREAM.test(contentType)
}
