import { PassThrough, type Readable } from 'node:stream'
import type { Request } from 'express'
import { AuthError } from '../errors.ts'

/** What is sent to the target. Only what is held in memory can be sent a second time. */
export type RequestBody = { kind: 'repeatable'; bytes: Buffer | null } | { kind: 'stream'; stream: Readable }

/** Will the body be one that can be sent again? */
export function isRepeatable({ headers }: Request, maxReplayBytes: number): boolean {
  const length = headers['content-length']
  if (length === undefined) return headers['transfer-encoding'] === undefined
  return Number(length) <= maxReplayBytes
}

/**
 * @param maxReplayBytes a body announced as no longer is read first, so that it can be repeated; a longer one, or one of unknown length,
 * streams through.
 * @throws {AuthError} `ERR_AUTH_SETUP` if a body parser has eaten it.
 */
export async function readBody(req: Request, maxReplayBytes: number): Promise<RequestBody> {
  const length = req.headers['content-length']
  const hasBody = req.headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0')
  if (!hasBody) return { kind: 'repeatable', bytes: null }
  if (req.readableDidRead) {
    throw new AuthError(
      'ERR_AUTH_SETUP',
      'the request body was read before the proxy could forward it; mount body parsers after auth.proxy()',
    )
  }
  if (!isRepeatable(req, maxReplayBytes)) return { kind: 'stream', stream: upload(req) }

  const chunks: Buffer[] = []
  for await (const chunk of req) chunks.push(chunk as Buffer)
  return { kind: 'repeatable', bytes: Buffer.concat(chunks) }
}

/**
 * The body without the connection it comes over: a target that does not want it, or is not there, ends the upload, and the client must
 * still get its answer.
 */
function upload(req: Request): Readable {
  const stream = new PassThrough()
  req.once('error', (error) => stream.destroy(error))
  // The client may only listen when it has sent everything.
  stream.once('close', () => req.unpipe(stream).resume())
  return req.pipe(stream)
}
