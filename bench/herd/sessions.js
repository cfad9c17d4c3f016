// The sessions of one contender: signed in by a browser, and again when they were lost.
import { setTimeout as sleep } from 'node:timers/promises'
import { signIn } from '../support/browser.js'
import { burst } from './burst.js'

const AT_ONCE = 12

/** What the contenders' clocks may make of a lifetime in whole seconds, counted from when the answer was read. */
const MARGIN_MS = 1_500

export class Sessions {
  /** @readonly */ #contender
  /** @readonly */ #server
  #all = []

  constructor(contender, server) {
    this.#contender = contender
    this.#server = server
  }

  /** @returns the first `count`, all alive. */
  async take(count) {
    const missing = Array.from({ length: count }, (_, n) => n).filter((n) => this.#all[n] === undefined)
    await Promise.all(Array.from({ length: AT_ONCE }, () => this.#fill(missing)))
    return this.#all.slice(0, count)
  }

  async #fill(missing) {
    for (let n = missing.pop(); n !== undefined; n = missing.pop()) {
      const [origin] = this.#contender.origins
      const session = { cookie: await signIn(origin) }
      const [{ sub, failure }] = await burst(undefined, {
        origins: [origin],
        sessions: [session],
        count: 1,
        path: '/token',
      })
      if (failure !== undefined)
        throw new Error(`${this.#contender.name}: nobody is signed in after the sign-in: ${failure}`)
      this.#all[n] = { ...session, sub }
    }
  }

  /** Resolves when the access tokens of these are no longer good. */
  async expired(sessions) {
    const families = await this.#server.families(sessions.map(({ sub }) => sub))
    const leftMs = Math.max(...families.map(({ expiresAt }) => expiresAt)) - Date.now()
    await sleep(leftMs + MARGIN_MS)
  }

  /** These have to sign in again. */
  forget(lost) {
    this.#all = this.#all.map((session) => (lost.has(session) ? undefined : session))
  }
}
