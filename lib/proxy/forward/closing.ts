import type { Request, Response } from 'express'
import type { Socket } from 'node:net'
import type { Runtime } from '../../runtime.ts'

/**
 * How long the connection stays open behind the answer (RFC 9112 §9.6). It ends in a reset, because the client has sent what nobody read; and
 * a reset that comes before the client has read the answer, or while part of it is still on its way, takes the answer with it. Milliseconds.
 */
const LINGER_MS = 1_000

/**
 * Closes the connection behind the answer that is still to be written, with the rest of the request unread. What has come until then, a few
 * buffers, is thrown away; the rest stays with the client.
 */
export function closeUnread(req: Request, res: Response, runtime: Runtime): void {
  const { socket } = req
  if (res.headersSent) return
  res.setHeader('connection', 'close')
  // Node would read the rest of a request that nobody has begun to read, however much it is, and throw it away. Begun when the head has been
  // written: before, it would tell a client to go on that asks whether to.
  res.once('prefinish', () => void req.read())
  // What Node closes a connection with, after the last answer on it.
  socket.destroySoon = (): void => closeSoon(socket, runtime)
}

/** Closes our side at once, the other one when the client has had time to read the answer. */
export function closeSoon(socket: Socket, runtime: Runtime): void {
  socket.end()
  socket.once(
    'close',
    runtime.after(LINGER_MS, () => socket.destroy()),
  )
}
