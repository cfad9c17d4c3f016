import type { Socket } from 'node:net'
import type { Runtime } from '../../runtime.ts'
import { CLOSE_CODES, closeFrame, FrameTracker, pingFrame } from './web-socket-frames.ts'

/** A side of which nothing was heard for so long is asked whether it is still there; silent for as long again, it is not. */
const SILENCE_MS = 30_000

/** How long an ending may take: the rest of the frame under way, the close frame, and the other side's leave-taking. */
const ENDING_MS = 1_000

/** One of the two ends. */
class Side {
  readonly socket: Socket
  /** Follows what is written to it. `undefined`: no web socket. */
  readonly frames: FrameTracker | undefined
  /** It waits until the other one has taken what it sent. */
  isHeld = false
  /** Nothing more comes from it. */
  hasEnded = false
  /** It is to be asked whether it is there, as soon as a frame to it has ended. */
  wantsPing = false
  /** Monotonic milliseconds. */
  heardAt: number
  askedAt: number | undefined
  readonly #isServer: boolean

  constructor(socket: Socket, isServer: boolean, isWebSocket: boolean, now: number) {
    this.socket = socket
    this.#isServer = isServer
    this.frames = isWebSocket ? new FrameTracker(isServer) : undefined
    this.heardAt = now
  }

  heard(now: number): void {
    this.heardAt = now
    this.askedAt = undefined
    this.wantsPing = false
  }

  /** What is silent by now is asked, or will be, or cannot be asked any more. */
  ask(now: number): void {
    const { frames, socket } = this
    const canBeAsked = frames !== undefined && !frames.hasClosed && socket.writable
    if (canBeAsked && !frames.isAtBoundary) this.wantsPing = true
    else this.asked(canBeAsked, now)
  }

  asked(canBeAsked: boolean, now: number): void {
    this.wantsPing = false
    this.askedAt = now
    if (canBeAsked) this.socket.write(pingFrame(this.#isServer))
  }

  /** The last frame, if there may be one now. */
  close(code: number, reason: string): void {
    const { frames, socket } = this
    if (frames?.isAtBoundary === true && !frames.hasClosed && socket.writable)
      socket.write(closeFrame(code, reason, this.#isServer))
    socket.end()
  }
}

/**
 * Joins two connections: each goes as fast as the slower one, what one ends is ended for the other, and where one is cut, so is the other.
 * Of web sockets it knows where frames begin, and puts in its own: pings, for a side that has become silent, and the end.
 */
export class Tunnel {
  readonly #client: Side
  readonly #target: Side
  readonly #isWebSocket: boolean
  readonly #runtime: Runtime
  readonly #over = new AbortController()
  /** What the client is told at the end. */
  #farewell: { readonly code: number; readonly reason: string } | undefined
  #isEnding = false

  constructor(client: Socket, target: Socket, isWebSocket: boolean, runtime: Runtime) {
    const now = runtime.monotonic()
    this.#client = new Side(client, false, isWebSocket, now)
    this.#target = new Side(target, true, isWebSocket, now)
    this.#isWebSocket = isWebSocket
    this.#runtime = runtime
    target.allowHalfOpen = true
    for (const { socket } of [this.#client, this.#target]) {
      socket.setKeepAlive(true, SILENCE_MS).setNoDelay(true)
      socket.on('error', () => {}) // it closes
    }
  }

  start(): void {
    this.#join(this.#client, this.#target)
    this.#join(this.#target, this.#client)
    void this.#watch()
  }

  /** Tells both sides that it is over, if they speak of such things, and closes. */
  end(code: number, reason: string): void {
    const client = this.#client
    if (this.#isEnding) return
    this.#isEnding = true
    if (!this.#isWebSocket || client.frames?.isBroken === true) return this.destroy()
    void this.#destroyLater()
    this.#farewell = { code, reason }
    client.socket.resume() // to no avail, but unread it would take the last frame with it
    this.#sayFarewell()
  }

  destroy(): void {
    this.#isEnding = true
    this.#client.socket.destroy()
    this.#target.socket.destroy()
  }

  #join(from: Side, to: Side): void {
    from.socket.on('data', (chunk: Buffer) => this.#pass(from, to, chunk))
    from.socket.once('end', () => {
      from.hasEnded = true
      to.socket.end()
    })
    from.socket.once('close', () => {
      // What it said until its end is still delivered.
      if (from.hasEnded) to.socket.destroySoon()
      else to.socket.destroy()
      if (to.socket.closed) this.#over.abort()
    })
    from.socket.resume()
  }

  #pass(from: Side, to: Side, chunk: Buffer): void {
    from.heard(this.#runtime.monotonic())
    if (this.#isEnding) return this.#passLast(from, to, chunk)
    const boundary = follow(to.frames, chunk)
    // What is no frame could be a request (request smuggling by an upgrade that never was).
    if (boundary === 'broken') return this.end(CLOSE_CODES.protocolError, 'not a frame')
    if (!to.wantsPing || boundary === undefined) return this.#write(from, to, chunk)
    to.socket.write(chunk.subarray(0, boundary))
    to.asked(true, this.#runtime.monotonic())
    this.#write(from, to, chunk.subarray(boundary))
  }

  /** The rest of the frame under way. Nothing of the client reaches the target any more. */
  #passLast(from: Side, to: Side, chunk: Buffer): void {
    if (to !== this.#client || this.#farewell === undefined) return
    const end = to.frames?.advance(chunk, 0) ?? -1
    if (end === -1) return this.destroy()
    this.#write(from, to, chunk.subarray(0, end))
    this.#sayFarewell()
  }

  #sayFarewell(): void {
    const { code, reason } = this.#farewell ?? {}
    if (code === undefined || reason === undefined || this.#client.frames?.isAtBoundary !== true) return
    this.#farewell = undefined
    this.#client.close(code, reason)
    this.#target.close(CLOSE_CODES.goingAway, '')
    this.#target.socket.resume()
  }

  #write(from: Side, to: Side, bytes: Buffer): void {
    if (to.socket.write(bytes)) return
    from.isHeld = true
    from.socket.pause()
    to.socket.once('drain', () => {
      const now = this.#runtime.monotonic()
      to.heard(now) // it has taken something
      from.heard(now)
      from.isHeld = false
      from.socket.resume()
    })
  }

  async #destroyLater(): Promise<void> {
    await this.#runtime.sleep(ENDING_MS, this.#over.signal).catch(() => {})
    this.destroy()
  }

  /** Notices a side that is not there any more although nobody said so (half-open, RFC 9293 §3.5.1). */
  async #watch(): Promise<void> {
    const { signal } = this.#over
    while (!signal.aborted) {
      const now = this.#runtime.monotonic()
      const [client, target] = [this.#client, this.#target]
      const next = Math.min(this.#look(client, target, now), this.#look(target, client, now))
      await this.#runtime.sleep(next - now, signal).catch(() => {})
    }
  }

  /** @returns when to look again. */
  #look(side: Side, other: Side, now: number): number {
    // Nothing can be heard of one that is not listened to, or has said its last word. Other protocols may be silent for as long as they like.
    const maySpeak = this.#isWebSocket ? !side.hasEnded || other.hasEnded : other.hasEnded
    if (side.isHeld || !maySpeak) side.heard(now)
    const since = side.askedAt ?? side.heardAt
    if (now - since < SILENCE_MS) return since + SILENCE_MS
    if (side.askedAt === undefined) side.ask(now)
    else this.destroy()
    return now + SILENCE_MS
  }
}

/** @returns where in `chunk` a frame could be put in, if anywhere. */
function follow(frames: FrameTracker | undefined, chunk: Buffer): number | undefined | 'broken' {
  if (frames === undefined) return undefined
  let boundary: number | undefined
  for (let at = 0; at < chunk.length;) {
    at = frames.advance(chunk, at)
    if (at === -1) return 'broken'
    if (frames.isAtBoundary && !frames.hasClosed) boundary ??= at
  }
  return boundary
}
