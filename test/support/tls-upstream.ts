import { readFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type ServerOptions } from 'node:https'
import type { AddressInfo } from 'node:net'

/** PEM, of an authority that nobody but a test trusts. The server's certificate is for localhost, 127.0.0.1 and target.example. */
export const CA: string = await pem('ca.pem')
export const SERVER: { cert: string; key: string } = { cert: await pem('server.pem'), key: await pem('server.key') }
export const CLIENT: { cert: string; key: string } = { cert: await pem('client.pem'), key: await pem('client.key') }

export interface TlsUpstream {
  /** Origin, without a trailing slash. */
  readonly url: string
  readonly port: number
  close(): Promise<void>
}

export async function startTlsUpstream(
  handler: (req: IncomingMessage, res: ServerResponse) => void,
  options: ServerOptions = {},
): Promise<TlsUpstream> {
  const server = createServer({ ...SERVER, ...options }, handler)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `https://127.0.0.1:${port}`,
    port,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function pem(name: string): Promise<string> {
  return readFile(new URL(`tls/${name}`, import.meta.url), 'utf8')
}
