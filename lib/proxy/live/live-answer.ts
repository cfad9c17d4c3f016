import type { Request, Response } from 'express'
import { AuthError } from '../../errors.ts'
import { wantsEventStream } from '../../event-stream.ts'
import type { Runtime } from '../../runtime.ts'
import type { LiveConnection } from './live-connections.ts'
import type { Tunnel } from '../upgrade/upgrade-tunnel.ts'
import { CLOSE_CODES } from '../upgrade/web-socket-frames.ts'

/** An answer that is nearly there may still get there: the request was made by somebody who was signed in. */
const GRACE_MS = 2_000

/** An answer under way, until it is over; or the tunnel that came of it. */
export class LiveAnswer implements LiveConnection {
  readonly #req: Request
  readonly #res: Response
  readonly #runtime: Runtime
  #tunnel: Tunnel | undefined
  #ended: 'signed-out' | 'closing' | undefined
  /** Called at once when the user signs out, where the request still waits to be sent. */
  onSignedOut: (() => void) | undefined

  constructor(req: Request, res: Response, runtime: Runtime) {
    this.#req = req
    this.#res = res
    this.#runtime = runtime
  }

  get isSignedOut(): boolean {
    return this.#ended === 'signed-out'
  }

  /** The response went on as this. */
  becomes(tunnel: Tunnel): void {
    this.#tunnel = tunnel
    if (this.#ended !== undefined) this.end(this.#ended)
  }

  end(why: 'signed-out' | 'closing'): void {
    const before = this.#ended
    this.#ended = why
    if (this.#tunnel !== undefined) {
      if (why === 'signed-out') this.#tunnel.end(CLOSE_CODES.signedOut, 'signed out')
      else this.#tunnel.end(CLOSE_CODES.goingAway, 'going away')
      return
    }
    // Those that are still under way when the process ends are the proxies' own business.
    if (why !== 'signed-out' || before === why) return
    this.onSignedOut?.()
    void this.#cut()
  }

  async #cut(): Promise<void> {
    const res = this.#res
    // In a stream of events there is no end to be waited for.
    if (!wantsEventStream(this.#req)) {
      const closed = new AbortController()
      res.once('close', () => closed.abort())
      await this.#runtime.sleep(GRACE_MS, closed.signal).catch(() => {})
    }
    // The tunnel, if it is one by now, was told.
    if (this.#tunnel === undefined && !res.closed) res.destroy()
  }
}

export function signedOut(): AuthError {
  return new AuthError('ERR_AUTH_REQUIRED', 'the user has signed out meanwhile')
}
