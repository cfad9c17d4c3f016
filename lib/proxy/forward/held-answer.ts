import type { RawHeaders } from '../headers/headers.ts'

/** A refusal is a few words; a longer one waits on the wire. */
const MAX_HELD_BYTES = 65_536

/**
 * The body of an answer that waits until it is decided what becomes of it. Kept rather than left on the wire, so that the connection can
 * be used again.
 */
export class HeldAnswer {
  readonly chunks: Buffer[] = []
  #length = 0
  #isComplete = false
  #trailers: RawHeaders | null = null
  #error: Error | undefined
  #onChange: (() => void) | undefined

  get isComplete(): boolean {
    return this.#isComplete
  }

  get trailers(): RawHeaders | null {
    return this.#trailers
  }

  /** It was cut off. */
  get error(): Error | undefined {
    return this.#error
  }

  /** @returns whether there is room for more. */
  add(chunk: Buffer): boolean {
    this.chunks.push(chunk)
    this.#length += chunk.length
    this.#onChange?.()
    return this.#length <= MAX_HELD_BYTES
  }

  end(trailers: RawHeaders | null): void {
    this.#trailers = trailers
    this.#isComplete = true
    this.#onChange?.()
  }

  fail(error: Error): void {
    this.#error = error
    this.#onChange?.()
  }

  /** The body as soon as it is all there; `undefined` as soon as it is longer than `maxBytes`, or cut off. */
  async whole(maxBytes: number): Promise<Buffer | undefined> {
    await new Promise<void>((resolve) => {
      this.#onChange = () => {
        if (this.#isComplete || this.#error !== undefined || this.#length > maxBytes) resolve()
      }
      this.#onChange()
    })
    return this.#isComplete && this.#length <= maxBytes ? Buffer.concat(this.chunks) : undefined
  }
}
