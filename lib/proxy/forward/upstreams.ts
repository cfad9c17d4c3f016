import { AuthError } from '../../errors.ts'
import type { Runtime } from '../../runtime.ts'
import type { ProxySettings } from '../proxy-options.ts'
import { Upstream } from './upstream.ts'

/** The targets of a proxy, in turn; one to which no connection comes about rests for a while, and longer each time. */
export class Upstreams {
  readonly #all: readonly Upstream[]
  #turn = 0

  constructor(settings: ProxySettings, runtime: Runtime) {
    this.#all = settings.targets.map((target) => new Upstream(target, settings, runtime))
  }

  /**
   * Whose turn it is; one that has a connection free comes before one for which the request would have to wait. Whoever takes it must tell
   * its breaker what came of it.
   *
   * @param tried those that this request cannot be sent to any more.
   * @returns `undefined`: all that do not rest have been tried, or too many wait for them.
   */
  next(tried: readonly Upstream[]): Upstream | undefined {
    const all = this.#all
    this.#turn = (this.#turn + 1) % all.length
    let full: Upstream | undefined
    for (let step = 0; step < all.length; step += 1) {
      const upstream = all[(this.#turn + step) % all.length]
      if (upstream === undefined || upstream.isCrowded || upstream.breaker.pauseMs > 0 || tried.includes(upstream))
        continue
      if (!upstream.isFull) return entered(upstream)
      full ??= upstream
    }
    return full && entered(full)
  }

  /** Why there is nobody to send a request to. */
  noneLeft(): AuthError {
    if (this.#all.some(({ isCrowded, breaker }) => isCrowded && breaker.pauseMs === 0))
      return new AuthError('ERR_AUTH_UPSTREAM_BUSY', 'too many requests wait for the target of the proxy', {
        retryAfterSeconds: 1,
      })
    const pauseMs = Math.min(...this.#all.map(({ breaker }) => breaker.pauseMs))
    return new AuthError(
      'ERR_AUTH_UPSTREAM',
      'no target of the proxy can be connected to; all are left alone for a while',
      {
        retryAfterSeconds: Math.max(Math.ceil(pauseMs / 1_000), 1),
      },
    )
  }

  /** Waits for answers under way. */
  async close(): Promise<void> {
    await Promise.all(this.#all.map((upstream) => upstream.close()))
  }

  /** Cuts them off. */
  async destroy(): Promise<void> {
    await Promise.all(this.#all.map((upstream) => upstream.destroy()))
  }
}

function entered(upstream: Upstream): Upstream {
  upstream.breaker.enter()
  return upstream
}
