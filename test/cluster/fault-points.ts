import { AsyncLocalStorage } from 'node:async_hooks'
import { subscribe } from 'node:diagnostics_channel'
import { writeSync } from 'node:fs'
import type { GrantStoreFactory } from '../../lib/grants/grant-store.ts'
import { systemRuntime, type Runtime } from '../../lib/runtime.ts'

/**
 * The holder of a claim, between its steps. `claimed`: the store has given it the refresh token. `sent`: the request is on the wire.
 * `answered`: the server's answer has arrived. `stored`: the next generation is in the store, and nobody has been told.
 */
export type FaultPoint = 'claimed' | 'sent' | 'answered' | 'stored'

export interface Fault {
  readonly point: FaultPoint
  readonly signal: 'SIGKILL' | 'SIGSTOP'
  /** It strikes when a refresh reaches the point for the so manieth time. */
  readonly nth: number
}

/** Which claim a request or an answer belongs to. */
interface Claim {
  readonly grantId: string
  /** When it was asked for, epoch milliseconds: what all bounds of the protocol are counted from. */
  readonly askedAt: number
  /** Once it is granted. */
  subject: string | undefined
}

/** Strikes this process down at a point of the protocol, from around the engine: its network and its store. */
export class FaultPoints {
  #armed: Fault | undefined
  #reached = 0
  readonly #claim = new AsyncLocalStorage<Claim>()
  /** By the id of the grant: an answer that could not be stored at once is stored with others later, and not in its own context. */
  readonly #granted = new Map<string, Claim>()
  readonly #leaseMs: number

  constructor(leaseMs: number) {
    this.#leaseMs = leaseMs
  }

  arm(fault: Fault): void {
    this.#armed = fault
    this.#reached = 0
  }

  runtime(worker: string): Runtime {
    // fetch is done with a request long after its last byte has left.
    subscribe('undici:request:bodySent', (message) => {
      const { request } = message as { request: { path: string } }
      if (request.path === '/token') this.#reach('sent')
    })
    return {
      ...systemRuntime,
      fetch: async (input, init) => {
        const headers = new Headers(init?.headers)
        headers.set('x-worker', worker)
        headers.set('x-claimed-at', String(this.#claim.getStore()?.askedAt ?? Date.now()))
        const answer = await systemRuntime.fetch(input, { ...init, headers })
        if (new Request(input).url.endsWith('/token') && answer.status === 200) this.#reach('answered')
        return answer
      },
    }
  }

  store(factory: GrantStoreFactory): GrantStoreFactory {
    const points: Readonly<Record<string, [answer: string, point: FaultPoint]>> = {
      claim: ['claimed', 'claimed'],
      commit: ['committed', 'stored'],
    }
    return (...secrets) =>
      new Proxy(factory(...secrets), {
        get: (store, name: string) => {
          const method: unknown = Reflect.get(store, name)
          if (typeof method !== 'function') return method
          return (...given: unknown[]): Promise<unknown> => {
            const grantId = given[0] as string
            const claim: Claim = { grantId, askedAt: Date.now(), subject: undefined }
            // Here, and not after an await, so that what the engine does with the claim knows of it.
            if (name === 'claim') this.#claim.enterWith(claim)
            const [kind, point] = points[name] ?? []
            const answering = Reflect.apply(method, store, given) as Promise<unknown>
            if (point === undefined) return answering
            const told = answering.then((answer) => {
              const { kind: said, state } = answer as { kind: string; state?: { subject: string } }
              if (said !== kind) return answer
              if (point === 'claimed') this.#grant(claim, state?.subject)
              this.#reach(point)
              return answer
            })
            return point === 'stored' ? told.finally(() => this.#tellIfLate(grantId)) : told
          }
        },
      })
  }

  #grant(claim: Claim, subject: string | undefined): void {
    claim.subject = subject
    this.#granted.set(claim.grantId, claim)
  }

  /** An answer that could not be stored within two leases may be lost. */
  #tellIfLate(grantId: string): void {
    const own = this.#claim.getStore()
    const { askedAt = Date.now(), subject } = (own?.grantId === grantId ? own : this.#granted.get(grantId)) ?? {}
    if (Date.now() - askedAt >= 2 * this.#leaseMs) writeSync(1, `LATE ${subject}\n`)
  }

  #reach(point: FaultPoint): void {
    const fault = this.#armed
    if (fault?.point !== point) return
    this.#reached += 1
    if (this.#reached < fault.nth) return
    this.#armed = undefined
    // Not a message: it would leave later, and with it other refreshes would go on.
    writeSync(1, `${fault.signal} ${point}\n`)
    process.kill(process.pid, fault.signal)
  }
}
