import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'

export interface HttpServerOptions {
  /** Default 0: any free port. */
  readonly port?: number
  /** Default '127.0.0.1'. */
  readonly host?: string
}

export interface RunningHttpServer {
  readonly port: number
  readonly server: Server
  /** Stops listening and cuts every open connection; a second call does nothing. */
  close(): Promise<void>
}

/** @throws the listen error (`EADDRINUSE`, `EACCES`) when the port cannot be had. */
export async function startHttpServer(
  handler: RequestListener,
  { port = 0, host = '127.0.0.1' }: HttpServerOptions = {},
): Promise<RunningHttpServer> {
  const server = createServer(handler)
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve()
    })
  })

  let closing: Promise<void> | undefined
  return {
    port: (server.address() as AddressInfo).port,
    server,
    close() {
      closing ??= new Promise((resolve) => {
        server.close(() => resolve())
        // Keep-alive connections and event streams would hold the server open for as long as their clients like.
        for (const socket of sockets) socket.destroy()
      })
      return closing
    },
  }
}
