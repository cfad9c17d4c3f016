import { isPassing } from './traffic.js'

/** A fault is felt for this long: requests that were under way, connections that must be made anew. */
const AFTERMATH_MS = 8_000

/** From when a token was looked at until the upstream notes it, where everything is on two busy cores. */
const WAY_MS = 1_000

/** So many are remembered twice over: no request is on its way while as many others begin. */
const MAX_REQUESTS = 100_000

/** What was done, what went wrong, and whether a fault explains it. */
export class Ledger {
  counts = {}
  /** Not to be explained. */
  wrong = []
  passing = 0
  /** @readonly */ #windows = []
  #requests = new Map()
  /** Those from before, some of which are on their way still. */
  #earlier = new Map()
  /** @readonly */ #arrived = []

  count(name) {
    this.counts[name] = (this.counts[name] ?? 0) + 1
  }

  /** @returns what ends it. */
  fault() {
    const window = { from: Date.now() - 100, to: Number.POSITIVE_INFINITY }
    this.#windows.push(window)
    return () => {
      window.to = Date.now() + AFTERMATH_MS
    }
  }

  failed(name, error, from, to) {
    const isExplained = this.#windows.some((window) => from <= window.to && to >= window.from)
    if (isPassing(error) && isExplained) this.passing += 1
    else this.wrong.push(`${new Date(to).toISOString()} ${name}: ${error.message}`)
  }

  expects(id, sub) {
    this.#requests.set(id, sub)
  }

  arrived({ id, authorization, cookie, at }) {
    const sub = this.#requests.get(id) ?? this.#earlier.get(id)
    if (cookie !== undefined) this.wrong.push('a cookie reached the upstream')
    this.#arrived.push({ token: authorization?.replace(/^Bearer /, ''), sub, at: at - WAY_MS })
  }

  /** Asks the authorization server about every token that has reached the upstream. @returns how many. */
  async settle(server) {
    const arrived = this.#arrived.splice(0)
    const complaints = await server.check(arrived)
    for (const complaint of complaints) if (complaint !== null) this.wrong.push(`the upstream got ${complaint}`)
    if (this.#requests.size > MAX_REQUESTS) {
      this.#earlier = this.#requests
      this.#requests = new Map()
    }
    return arrived.length
  }
}
