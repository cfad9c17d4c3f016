import { createHash, randomBytes } from 'node:crypto'

/** Status codes (RFC 6455 §7.4) that connections are closed with here. */
export const CLOSE_CODES = {
  /** The process ends. To the target also: its client has left. */
  goingAway: 1001,
  protocolError: 1002,
  /** Of the private range (§7.4.2), so that a page can tell it from all else: sign in again before the next attempt. */
  signedOut: 4401,
} as const

const OPCODE_CLOSE = 0x8
const OPCODE_PING = 0x9
const FIN = 0x80
const MASKED = 0x80
const LONGEST_CONTROL_PAYLOAD = 125
const MAX_HEADER_BYTES = 14

/**
 * Follows the frames of one direction (RFC 6455 §5.2) as far as it takes to know where one ends and the next may begin. Payloads are
 * neither kept nor unmasked.
 */
export class FrameTracker {
  readonly #isMasked: boolean
  readonly #header = Buffer.alloc(MAX_HEADER_BYTES)
  /** Bytes of the header that came, and that it has as far as is known. */
  #came = 0
  #needed = 2
  #payloadLeft = 0
  #isBroken = false
  #hasClosed = false

  /** @param isMasked frames of a client are, those of a server are not (§5.1). */
  constructor(isMasked: boolean) {
    this.#isMasked = isMasked
  }

  /** May another frame be put in here? */
  get isAtBoundary(): boolean {
    return this.#came === 0 && this.#payloadLeft === 0 && !this.#isBroken
  }

  /** A close frame went by, or has begun to: nothing may follow it (§5.5.1). */
  get hasClosed(): boolean {
    return this.#hasClosed
  }

  /** Something came that is no frame. */
  get isBroken(): boolean {
    return this.#isBroken
  }

  /** Follows one frame, or what is left of it. @returns where in `chunk` it ends, or the end of `chunk`; -1: this is no frame. */
  advance(chunk: Buffer, from: number): number {
    let at = from
    if (this.#isBroken) return -1
    if (this.#payloadLeft === 0) {
      while (this.#came < this.#needed) {
        if (at === chunk.length) return at
        this.#header[this.#came] = chunk[at] as number
        this.#came += 1
        at += 1
        if (this.#came === 2 && !this.#begin()) return this.#break()
      }
      this.#payloadLeft = this.#payloadLength()
      this.#came = 0
      this.#needed = 2
    }
    const taken = Math.min(this.#payloadLeft, chunk.length - at)
    this.#payloadLeft -= taken
    return at + taken
  }

  /** Its first two bytes say how long the header is. */
  #begin(): boolean {
    const [first, second] = this.#header as unknown as [number, number]
    const opcode = first & 0x0f
    const length = second & 0x7f
    if (((second & MASKED) !== 0) !== this.#isMasked) return false
    if (opcode >= OPCODE_CLOSE && ((first & FIN) === 0 || length > LONGEST_CONTROL_PAYLOAD)) return false
    if (opcode === OPCODE_CLOSE) this.#hasClosed = true
    this.#needed = 2 + (length === 126 ? 2 : length === 127 ? 8 : 0) + (this.#isMasked ? 4 : 0)
    return true
  }

  #payloadLength(): number {
    const length = (this.#header[1] as number) & 0x7f
    if (length === 126) return this.#header.readUInt16BE(2)
    // Beyond 2^53 it is not exact, and never ends.
    return length === 127 ? Number(this.#header.readBigUInt64BE(2)) : length
  }

  #break(): -1 {
    this.#isBroken = true
    return -1
  }
}

/** @param isMasked as a client's frames are. */
export function closeFrame(code: number, reason: string, isMasked: boolean): Buffer {
  const payload = Buffer.alloc(2 + Buffer.byteLength(reason))
  payload.writeUInt16BE(code)
  payload.write(reason, 2)
  return controlFrame(OPCODE_CLOSE, payload, isMasked)
}

/** @param isMasked as a client's frames are. */
export function pingFrame(isMasked: boolean): Buffer {
  return controlFrame(OPCODE_PING, Buffer.alloc(0), isMasked)
}

function controlFrame(opcode: number, payload: Buffer, isMasked: boolean): Buffer {
  if (!isMasked) return Buffer.concat([Buffer.from([FIN | opcode, payload.length]), payload])
  const key = randomBytes(4)
  const masked = payload.map((byte, at) => byte ^ (key[at % 4] as number))
  return Buffer.concat([Buffer.from([FIN | opcode, MASKED | payload.length]), key, masked])
}

/** What `Sec-WebSocket-Accept` says to a key (RFC 6455 §4.2.2). */
export function acceptOf(key: string): string {
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
}
