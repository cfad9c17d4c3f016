import type {
  ClaimAnswer,
  ClaimRequest,
  CommitAnswer,
  CommitRequest,
  GrantStore,
} from '../../../lib/grants/grant-store.ts'
import { MemoryGrantStore } from '../../../lib/grants/memory-grant-store.ts'
import type { Process } from './process.ts'
import type { RefreshPromise } from './promise.ts'
import { SETTINGS, TICK } from './settings.ts'
import type { Steps } from './steps.ts'

export const GRANT = 'grant'

/** One for all runs, which do not overlap: to make one takes longer than a run. */
const clock = { now: (): number => 0 }
const memory = new MemoryGrantStore({ now: () => clock.now() })

interface Watched {
  /** Of the lease, if one stands: its claim, when it ends, whether it was in doubt. */
  lease: { readonly claimId: string; readonly until: number; readonly inDoubt: boolean } | undefined
  /** A sign-out has written, or is about to write, its tombstone. */
  isSigningOut: boolean
}

/** The one store of all processes, and what the promise says about each of its answers. */
export class SharedStore {
  readonly memory = memory
  readonly #promise: RefreshPromise
  readonly #now: () => number
  readonly #isInGrace: (generation: number) => boolean
  readonly #watched: Watched = { lease: undefined, isSigningOut: false }

  constructor(promise: RefreshPromise, now: () => number, isInGrace: (generation: number) => boolean) {
    clock.now = now
    this.#promise = promise
    this.#now = now
    this.#isInGrace = isInGrace
  }

  /** A process asks for an operation. */
  asked(process: Process, name: keyof GrantStore, [, request]: readonly unknown[]): void {
    if (name === 'claim') process.asksFor((request as ClaimRequest).claimId)
    if (name === 'commit') this.#promise.storing(process, (request as CommitRequest).generation)
  }

  /** It gets the answer; one that comes too late goes unheard. */
  answered(
    process: Process,
    name: keyof GrantStore,
    [, request]: readonly unknown[],
    value: unknown,
    isLate: boolean,
  ): void {
    if (name === 'claim') process.hasAnswer((request as ClaimRequest).claimId, value as ClaimAnswer)
    if (name === 'commit' && !isLate) this.#promise.knows(process, (request as CommitRequest).generation)
  }

  /** Runs one operation, which is atomic, and looks at what it did. */
  async apply(process: Process, name: keyof GrantStore, args: readonly unknown[]): Promise<unknown> {
    const operation = this.memory[name] as (...args: unknown[]) => Promise<unknown>
    const answer = (await operation.apply(this.memory, [...args])) as { kind?: string } | undefined
    const request = args[1]
    if (name === 'end') this.#ended(answer !== undefined, request as string)
    else if (this.#promise.record === 'signed-out')
      this.#promise.require(!isLive(name, answer), 'P4', `${name} finds a grant that was signed out`)
    if (name === 'claim') this.#claimed(request as { claimId: string; leaseMs: number }, answer)
    if (name === 'commit') this.#committed(process, request as CommitRequest, answer as CommitAnswer)
    if (name === 'settle') this.#settled(request as { claimId: string }, answer?.kind)
    if (name === 'release' && this.#watched.lease?.claimId === (request as { claimId: string }).claimId)
      this.#watched.lease = undefined
    return answer
  }

  #ended(hasEnded: boolean, why: string): void {
    if (!hasEnded) return
    if (why === 'signed-out') this.#promise.record = 'signed-out'
    else if (why === 'untrusted') this.#promise.distrusts()
    else this.#promise.loses()
  }

  #claimed(
    { claimId, leaseMs }: { claimId: string; leaseMs: number },
    answer: { kind?: string; inDoubt?: boolean } = {},
  ): void {
    const { lease } = this.#watched
    if (answer.kind === 'ended') this.#promise.loses()
    if (answer.kind === 'claimed')
      this.#watched.lease = { claimId, until: this.#now() + leaseMs, inDoubt: answer.inDoubt === true }
    const isLeased = lease !== undefined && lease.until > this.#now()
    if (answer.kind === 'busy' && !isLeased && this.#isInGrace(this.#promise.generation))
      this.#promise.excuses.spent = true
  }

  #committed(process: Process, { generation }: CommitRequest, answer: CommitAnswer): void {
    if (answer.kind === 'committed') {
      this.#promise.stored(answer.state.generation)
      this.#watched.lease = undefined
    }
    // Who finds the grant over has still to revoke what it got.
    if (answer.kind !== 'gone') this.#promise.settled(process, generation)
  }

  #settled({ claimId }: { claimId: string }, kind: string | undefined): void {
    if (kind === 'ended') this.#promise.loses()
    const { lease } = this.#watched
    if (kind !== 'undecided' || lease?.claimId !== claimId) return
    if (lease.inDoubt) this.#promise.isRefused = true
    this.#watched.lease = undefined
  }
}

function isLive(name: keyof GrantStore, answer: { kind?: string } | undefined): boolean {
  return ['read', 'inspect', 'claim', 'commit', 'settle'].includes(name) && answer?.kind !== 'gone'
}

/**
 * The store as one process reaches it. Request and answer are steps of their own; either may be lost, or fail with the operation done or
 * not done. A request outlives its sender.
 */
export function linkStore(process: Process, steps: Steps, store: SharedStore, now: () => number): GrantStore {
  const operation =
    (name: keyof GrantStore) =>
    (...args: readonly unknown[]): Promise<unknown> =>
      new Promise((resolve, reject) => {
        const what = `${process.name} ${name}`
        const fail = (): void => reject(new Error('the store cannot be reached'))
        const answer = (value: unknown): void => {
          if (!process.isAlive) return
          const receive = (): void => {
            store.answered(process, name, args, value, now() - askedAt >= SETTINGS.storeTimeoutMs)
            resolve(value)
          }
          steps.offer(
            [
              { label: `${what} <`, kind: 'go', run: receive },
              { label: `${what} < fails`, kind: 'store-fault', run: fail },
              { label: `${what} < is lost`, kind: 'store-fault', run: () => {} },
            ],
            process,
          )
        }
        const askedAt = now()
        store.asked(process, name, args)
        steps.offer([
          { label: `${what} >`, kind: 'go', run: () => void store.apply(process, name, inTicks(args)).then(answer) },
          { label: `${what} > fails`, kind: 'store-fault', run: () => process.isAlive && fail() },
          { label: `${what} > is lost`, kind: 'store-fault', run: () => {} },
        ])
      })
  return new Proxy(store.memory, { get: (_, name) => operation(name as keyof GrantStore) })
}

/** Time passes in ticks here: the random part of a pause would make a run differ from its replay. */
function inTicks(args: readonly unknown[]): readonly unknown[] {
  const [id, request] = args
  if (typeof request !== 'object' || request === null || !('backoffMs' in request)) return args
  return [id, { ...request, backoffMs: Math.min(Number(request.backoffMs), TICK) }]
}
