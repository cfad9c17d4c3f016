import { connect, type Socket } from 'node:net'
import type { Browser } from './browser.ts'
import { until } from './until.ts'

export interface RawUpgradeOptions {
  readonly method?: string
  /** Win over those of an honest web socket's handshake; '' removes one. In their own spelling. */
  readonly headers?: Readonly<Record<string, string>>
  /** Sent in the same packet, behind the request. */
  readonly early?: string | Uint8Array
}

/** One end of an upgrade that does nothing by itself: it answers no ping, and says no goodbye. */
export interface RawUpgrade {
  readonly socket: Socket
  /** All that came, one character each. */
  readonly text: string
  /** What came behind the head of the answer. */
  readonly body: Buffer
  /** The head of the answer. */
  answered(): Promise<string>
  /** Until so many bytes have come behind the head. */
  received(bytes: number): Promise<Buffer>
  /** Nothing comes any more, one way or the other. */
  ended(): Promise<void>
}

/** A handshake as a page of the site makes it, byte by byte. */
export function rawUpgrade(browser: Browser | undefined, url: string, options: RawUpgradeOptions = {}): RawUpgrade {
  const { host, hostname, port, pathname, search, origin } = new URL(url)
  const { method = 'GET', early = '' } = options
  const headers = {
    Host: host,
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Version': '13',
    Origin: origin,
    Cookie: browser?.cookieHeader(url) ?? '',
    ...options.headers,
  }
  const lines = Object.entries(headers).filter(([, value]) => value !== '')
  const head = `${method} ${pathname}${search} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`
  let came = Buffer.alloc(0)
  let isOver = false
  const socket = connect(Number(port), hostname, () =>
    socket.write(Buffer.concat([Buffer.from(head, 'latin1'), Buffer.from(early)])),
  )
  socket.on('data', (chunk: Buffer) => {
    came = Buffer.concat([came, chunk])
  })
  socket.on('error', () => {})
  for (const event of ['end', 'close']) socket.once(event, () => (isOver = true))
  const endOfHead = (): number => came.indexOf('\r\n\r\n')
  return {
    socket,
    get text() {
      return came.toString('latin1')
    },
    get body() {
      return endOfHead() === -1 ? Buffer.alloc(0) : came.subarray(endOfHead() + 4)
    },
    async answered() {
      await until(() => endOfHead() !== -1 || isOver, 'an answer to the upgrade')
      return came.subarray(0, Math.max(endOfHead(), 0)).toString('latin1')
    },
    async received(bytes) {
      await until(() => this.body.length >= bytes, `${bytes} bytes`)
      return this.body
    },
    ended: () => until(() => isOver, 'the end of the connection'),
  }
}

/** A short frame (RFC 6455 §5.2); masked, as a client's is, with a key of zeros. */
export function frame(opcode: number, payload: string | Uint8Array, isMasked: boolean): Buffer {
  const bytes = Buffer.from(payload as string)
  return Buffer.concat([
    Buffer.from([0x80 | opcode, (isMasked ? 0x80 : 0) | bytes.length]),
    Buffer.alloc(isMasked ? 4 : 0),
    bytes,
  ])
}
