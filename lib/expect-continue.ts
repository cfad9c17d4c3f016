import type { IncomingMessage, Server, ServerResponse } from 'node:http'

/**
 * A client that asks before it sends a body (`Expect: 100-continue`, RFC 9110 §10.1.1) is told to go on when somebody begins to read it,
 * and not when the answer comes without: nobody is signed in, it is too long, there is no target to send it to. Node tells everybody at
 * once, and where somebody sees to it himself, as here, leaves it to him to emit the request.
 */
export function continueWhenRead(server: Server): void {
  server.on('checkContinue', (req: IncomingMessage, res: ServerResponse) => {
    if (server.listenerCount('checkContinue') > 1) return // somebody else sees to it
    // Its own; taken away again, so that the request is like any other.
    req._read = (size) => {
      delete (req as Partial<IncomingMessage>)._read
      // When the answer has been written, Node reads the rest to throw it away.
      if (!res.headersSent) res.writeContinue()
      req._read(size)
    }
    server.emit('request', req, res)
  })
}
