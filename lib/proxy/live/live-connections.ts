import { randomInt } from 'node:crypto'
import type { SignInRef } from '../../express/still-signed-in.ts'
import type { Runtime } from '../../runtime.ts'

/** How often everything is looked at. Milliseconds, give or take a tenth: processes must not all ask at once. */
const CHECK_MS = 15_000
const JITTER_MS = 1_500

/** A session that moves to another id is, for a moment, in neither. So long after the first look that did not find it there is a second. */
const SECOND_LOOK_MS = 1_000

/** So many sign-ins are looked at in parallel. */
const LANES = 16

/** How long the stores may take to say whether one holds: one that never answers must not keep all others from being looked at. */
const LOOK_MS = 5_000

/** How long `close()` waits. */
const CLOSE_BUDGET_MS = 2_000

/** Something of a sign-in that may go on for long: a web socket, an event stream. */
export interface LiveConnection {
  /** `signed-out`: the sign-in that it was let in for is over. `closing`: this process ends. */
  end(why: 'signed-out' | 'closing'): void
}

interface Entry {
  signIn: SignInRef | undefined
  readonly connection: LiveConnection
  /** Its place among them. */
  at: number
}

/**
 * What is open now, so that it can be cut when its sign-in ends: at once if it ends in this process, and within seconds if it ends in
 * another, or without anybody saying so (a session that expires, or is deleted behind our back).
 */
export class LiveConnections {
  readonly #runtime: Runtime
  readonly #holds: (signIn: SignInRef) => Promise<boolean>
  /**
   * In no order. Not a Set: V8 makes it a new table for every few entries that come and go, and the tables it leaves behind keep the requests
   * in them from being collected for long.
   */
  readonly #entries: Entry[] = []
  readonly #closing = new AbortController()
  #isWatching = false
  #emptied: (() => void) | undefined

  /** @param holds does a sign-in? Rejects while that cannot be said. */
  constructor(runtime: Runtime, holds: (signIn: SignInRef) => Promise<boolean>) {
    this.#runtime = runtime
    this.#holds = holds
  }

  /** Does a sign-in? While that cannot be said, it is taken to. */
  async holds(signIn: SignInRef): Promise<boolean> {
    const answered = new AbortController()
    const late = this.#runtime.sleep(LOOK_MS, answered.signal).then(() => true)
    return Promise.race([this.#holds(signIn), late])
      .catch(() => true)
      .finally(() => answered.abort())
  }

  /** @param signIn `undefined`: nobody's, and it ends with the process alone. @returns what to call when it is over. */
  add(signIn: SignInRef | undefined, connection: LiveConnection): () => void {
    const entry: Entry = { signIn, connection, at: this.#entries.length }
    this.#entries.push(entry)
    if (this.#closing.signal.aborted) connection.end('closing')
    // Between the guard and the proxy: whoever was told of that could not tell this one yet.
    else if (signIn?.hasEnded === true) connection.end('signed-out')
    else if (signIn !== undefined && !this.#isWatching) void this.#watch()
    return () => {
      this.#remove(entry)
      if (this.#entries.length === 0) this.#emptied?.()
    }
  }

  /** A grant has ended, or whoever signed in with it has left. */
  grantEnded(grantId: string): void {
    this.#end('signed-out', (signIn) => signIn?.grantId === grantId || signIn?.connectionGrantId === grantId)
  }

  /** A session was deleted, and did not go on under another id. */
  sessionEnded(sessionId: string): void {
    this.#end('signed-out', (signIn) => signIn?.sessionId === sessionId)
  }

  /** Whoever signed in with the grant goes on in a session of another id, and it is that one's end that matters. */
  sessionMoved(grantId: string, sessionId: string): void {
    for (const entry of this.#entries)
      if (entry.signIn?.grantId === grantId) entry.signIn = { ...entry.signIn, sessionId }
  }

  /** All sessions of a store were deleted. Ends what does not hold any more, without a second look: what moves just then goes with the rest. */
  async sessionsCleared(): Promise<void> {
    this.#endAll(await this.#ended(this.#signIns()))
  }

  /** Ends everything, and waits a little for the other sides. */
  async close(): Promise<void> {
    this.#closing.abort()
    this.#end('closing', () => true)
    if (this.#entries.length === 0) return
    const done = new AbortController()
    const emptied = new Promise<void>((resolve) => {
      this.#emptied = resolve
    })
    await Promise.race([emptied, this.#runtime.sleep(CLOSE_BUDGET_MS, done.signal).catch(() => {})])
    done.abort()
  }

  #endAll(ended: ReadonlyMap<string, SignInRef>): void {
    this.#end('signed-out', (signIn) => signIn !== undefined && ended.has(nameOf(signIn)))
  }

  /** Goes through a copy: what is ended may leave its place to another at once. */
  #end(why: 'signed-out' | 'closing', isMeant: (signIn: SignInRef | undefined) => boolean): void {
    for (const { signIn, connection } of this.#entries.slice()) if (isMeant(signIn)) connection.end(why)
  }

  /** The last one takes its place. */
  #remove(entry: Entry): void {
    if (this.#entries[entry.at] !== entry) return
    const last = this.#entries.pop()
    if (last === undefined || last === entry) return
    this.#entries[entry.at] = last
    last.at = entry.at
  }

  /** One timer for all, while there is something. */
  async #watch(): Promise<void> {
    this.#isWatching = true
    while (this.#entries.length > 0 && !this.#closing.signal.aborted) {
      await this.#pause(CHECK_MS + randomInt(-JITTER_MS, JITTER_MS))
      const suspects = await this.#ended(this.#signIns())
      if (suspects.size === 0) continue
      await this.#pause(SECOND_LOOK_MS)
      this.#endAll(await this.#ended(suspects))
    }
    this.#isWatching = false
  }

  async #pause(ms: number): Promise<void> {
    await this.#runtime.sleep(ms, this.#closing.signal).catch(() => {})
  }

  #signIns(): Map<string, SignInRef> {
    const found = [...this.#entries].flatMap(({ signIn }) => (signIn === undefined ? [] : [signIn]))
    return new Map(found.map((signIn) => [nameOf(signIn), signIn]))
  }

  /** @returns those that do not hold any more. */
  async #ended(signIns: ReadonlyMap<string, SignInRef>): Promise<Map<string, SignInRef>> {
    const ended = new Map<string, SignInRef>()
    const rest = signIns.entries()
    const lane = async (): Promise<void> => {
      for (const [name, signIn] of rest) {
        if (this.#closing.signal.aborted) return
        if (!(await this.holds(signIn))) ended.set(name, signIn)
      }
    }
    await Promise.all(Array.from({ length: LANES }, lane))
    return ended
  }
}

function nameOf({ sessionId, grantId, connectionGrantId = '' }: SignInRef): string {
  return `${sessionId} ${grantId} ${connectionGrantId}`
}
