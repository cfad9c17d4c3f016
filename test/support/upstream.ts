import type { ClientRequest, IncomingHttpHeaders, IncomingMessage, RequestListener, ServerResponse } from 'node:http'

import { startHttpServer } from '../../example-app/http-server.ts'

/** One request as it arrived; its body is left to the handler. */
export interface UpstreamRequest {
  readonly method: string
  /** Path and query, byte for byte. */
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly rawHeaders: readonly string[]
}

/** A resource server that answers what the test wants, in the way the test wants. */
export interface Upstream {
  /** Origin, without a trailing slash. */
  readonly url: string
  readonly port: number
  /** In order of arrival. */
  readonly requests: UpstreamRequest[]
  /** Connections that were opened, in all. */
  readonly connections: number
  /** From now on every request is answered so. */
  answer(handler: (req: IncomingMessage, res: ServerResponse) => void): void
  close(): Promise<void>
}

const OK: RequestListener = (_req, res) => void res.setHeader('content-type', 'text/plain').end('ok')

export async function startUpstream(): Promise<Upstream> {
  const requests: UpstreamRequest[] = []
  let handler: (req: IncomingMessage, res: ServerResponse) => void = OK
  let connections = 0
  const running = await startHttpServer((req, res) => {
    const { method = '', url = '', headers, rawHeaders } = req
    requests.push({ method, url, headers, rawHeaders })
    handler(req, res)
  })
  running.server.on('connection', () => (connections += 1))
  return {
    url: `http://127.0.0.1:${running.port}`,
    port: running.port,
    requests,
    get connections() {
      return connections
    },
    answer(next) {
      handler = next
    },
    close: () => running.close(),
  }
}

/** Reads a request to its end. */
export async function readBytes(req: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of req as AsyncIterable<Buffer>) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** Answers with what came: method, address and body. */
export function echo(req: IncomingMessage, res: ServerResponse): void {
  void readBytes(req).then((body) => {
    res.setHeader('content-type', 'application/json')
    res.end(JSON.stringify({ method: req.method, url: req.url, body: body.toString('latin1') }))
  })
}

/** Resolves when one end of an exchange has closed, however it ended. */
export async function gone(side: ClientRequest | IncomingMessage | ServerResponse): Promise<void> {
  await new Promise<void>((resolve) => (side.closed ? resolve() : side.once('close', resolve)))
}
