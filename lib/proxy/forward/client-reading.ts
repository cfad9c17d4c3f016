import type { Response } from 'express'

interface Listener {
  /** There is room again. */
  onDrain(): void
  /** The client takes nothing. */
  onStalled(): void
}

/** Waits for a client that reads slower than its target writes, and tells when it does not read at all. */
export class ClientReading {
  readonly #res: Response
  readonly #idleTimeoutMs: number
  readonly #listener: Listener
  #isListening = false
  #isWaiting = false
  /** What the connection had before. Milliseconds; 0: none. */
  #otherTimeoutMs = 0

  /** @param idleTimeoutMs for which the client may take nothing. */
  constructor(res: Response, idleTimeoutMs: number, listener: Listener) {
    this.#res = res
    this.#idleTimeoutMs = idleTimeoutMs
    this.#listener = listener
  }

  waitFor(): void {
    if (this.#isWaiting) return
    this.#isWaiting = true
    // Once for all: a compressor that stands in for the response may not let go of a listener.
    if (!this.#isListening) this.#res.on('drain', this.#onDrain)
    this.#isListening = true
    // The socket's own timer, and not the runtime's: only that sees each byte that goes out, where `drain` comes after the last.
    const { socket } = this.#res
    if (socket === null) return
    this.#otherTimeoutMs = socket.timeout ?? 0
    this.#res.on('timeout', this.#onTimeout)
    if (this.#otherTimeoutMs === 0 || this.#otherTimeoutMs > this.#idleTimeoutMs) socket.setTimeout(this.#idleTimeoutMs)
  }

  done(): void {
    this.#stop()
    if (this.#isListening) this.#res.off('drain', this.#onDrain)
  }

  readonly #onDrain = (): void => {
    if (!this.#isWaiting) return
    this.#stop()
    this.#listener.onDrain()
  }

  readonly #onTimeout = (): void => this.#listener.onStalled()

  #stop(): void {
    if (!this.#isWaiting) return
    this.#isWaiting = false
    this.#res.off('timeout', this.#onTimeout)
    this.#res.socket?.setTimeout(this.#otherTimeoutMs)
  }
}
