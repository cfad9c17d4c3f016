import type { Request, Response } from 'express'

/** For what is still on its way: a client that is reset in mid-request may never see the answer. Milliseconds. */
const LINGER_MS = 1_000

/**
 * Closes the connection behind the answer that is still to be written, with the rest of the request unread (RFC 9112 §9.6): our side at
 * once, the other one when the client has had time to read the answer.
 */
export function closeUnread(req: Request, res: Response): void {
  const { socket } = req
  if (res.headersSent) return
  res.setHeader('connection', 'close')
  // Node would read the rest of a request that nobody has begun to read, and throw it away.
  if (req.headers.expect === undefined) req.read(0)
  // What Node closes a connection with, after the last answer on it.
  socket.destroySoon = (): void => {
    socket.end()
    const linger = setTimeout(() => socket.destroy(), LINGER_MS).unref()
    socket.once('close', () => clearTimeout(linger))
  }
}
