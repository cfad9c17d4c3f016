import type { Request } from 'express'
import { AuthError } from '../errors.ts'

/** What is sent to the target. Only what is held in memory can be sent a second time. */
export type RequestBody = { kind: 'repeatable'; bytes: Buffer | null } | { kind: 'stream'; stream: Request }

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
  if (length === undefined || Number(length) > maxReplayBytes) return { kind: 'stream', stream: req }

  const chunks: Buffer[] = []
  for await (const chunk of req) chunks.push(chunk as Buffer)
  return { kind: 'repeatable', bytes: Buffer.concat(chunks) }
}
