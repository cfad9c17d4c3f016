import { AuthError } from '../../../lib/errors.ts'
import type { AccessTokenRequest } from '../../../lib/grants/access-tokens.ts'
import { ModelServer } from './model-server.ts'
import { Process, type Surroundings } from './process.ts'
import { accessTokenFor, RefreshPromise } from './promise.ts'
import { L, RESOURCE, SETTINGS, TICK, type Reuse } from './settings.ts'
import { GRANT, SharedStore } from './shared-store.ts'
import { Steps, type Step } from './steps.ts'

export interface Scenario {
  readonly reuse: Reuse
  readonly processes: number
  /** Of every access token, in ticks. */
  readonly lifetime: number
  /** Of the first one, how many ticks are left when the run begins; negative: it has expired. */
  readonly left: number
  /** How long a process serves from its local cache, in ticks. */
  readonly cache: number
}

interface Call {
  readonly process: Process
  readonly begunAt: number
  readonly hangUp: AbortController
  /** Ticks that it has waited while nothing was paused and nothing failed. */
  fairTicks: number
}

const START = Date.UTC(2030, 0, 1)
/** No process may compare its monotonic clock with another's. */
const ORIGINS = [START, 0, START + 300 * TICK]
const MAX_CALLS = 10
const MAX_WAITING = 4
const MAX_DEATHS = 4
/** P5. In ticks: what a caller waits for the refresh, and what the store may take before and after. */
const BUDGET = SETTINGS.waitMs / TICK + 4 * (SETTINGS.storeTimeoutMs / TICK)
/** More steps than that without a tick are a loop. */
const ENDLESS = 1_000
/** Whatever happened, the next refresh has succeeded or the grant has ended after so many ticks. */
const RECOVERY = 12 * L

/** Several processes, one grant, one store, one authorization server, and all that may happen to them. */
export class World {
  readonly promise: RefreshPromise
  readonly server: ModelServer
  readonly steps: Steps
  /** What has happened, in the words of the model's traces. */
  readonly trace: string[] = []
  /** Tokens that callers got, the last one last. */
  readonly handedOut: string[] = []
  readonly processes: Process[] = []
  readonly #around: Surroundings
  readonly #calls = new Set<Call>()
  readonly #signingOut = new Set<{ readonly process: Process }>()
  readonly #lifetimeMs: number
  readonly #leftMs: number
  #time = START
  #callsMade = 0
  #signOuts = 0
  #deaths = 0

  constructor({ reuse, processes, lifetime, left, cache }: Scenario, isSlow: (nth: number) => boolean = () => false) {
    this.steps = new Steps(isSlow)
    const now = (): number => this.#time
    this.#lifetimeMs = lifetime * TICK
    this.#leftMs = left * TICK
    this.promise = new RefreshPromise(reuse, now)
    this.server = new ModelServer(this.steps, this.promise, { now, lifetimeMs: this.#lifetimeMs })
    const store = new SharedStore(this.promise, now, (generation) => this.server.isInGrace(generation))
    this.#around = {
      steps: this.steps,
      store,
      server: this.server,
      settings: { ...SETTINGS, cacheMs: cache * TICK },
      now,
    }
    for (let n = 0; n < processes; n += 1) this.processes.push(this.#start(`E${n}`, ORIGINS[n]))
  }

  /** The end-user signs in. */
  async begin(): Promise<this> {
    const lifetimeMs = this.#lifetimeMs
    const expiresAt = this.#time + this.#leftMs
    const tokens = {
      accessToken: accessTokenFor(1, 1, '', false),
      tokenType: 'Bearer',
      refreshToken: 'RT1',
      expiresAt,
      lifetimeMs,
    }
    await this.#around.store.memory.create(GRANT, { provider: 'main', subject: 'alice' }, tokens)
    return this
  }

  /** All that may happen next; what moves a refresh on comes first. */
  possible(): Step[] {
    return numbered([...this.steps.possible(), ...this.#calling(), ...this.#environment()])
  }

  /** Nothing is under way, and nobody will ask for anything any more. */
  get isOver(): boolean {
    return this.steps.isEmpty && this.#callsMade >= MAX_CALLS
  }

  /** @throws {Violation} if it breaks the promise. */
  async take(step: Step): Promise<void> {
    this.trace.push(step.label)
    step.run()
    await quiet()
    this.promise.enforce()
  }

  pass(ticks: number): void {
    for (let n = 0; n < ticks; n += 1) {
      this.#time += TICK
      this.promise.timePassed()
    }
  }

  /** Nothing fails any more, and nobody is paused: everything that is under way comes to its end, in time. */
  async settle(): Promise<void> {
    for (const process of this.processes) process.isPaused = false
    for (let tick = 0; ; tick += 1) {
      for (let steps = 0; ; steps += 1) {
        const step = numbered(this.steps.possible()).find(({ kind }) => kind === 'go')
        if (step === undefined) break
        await this.take(step)
        this.promise.require(steps < ENDLESS, 'P5', 'something goes on and on while no time passes')
      }
      if (this.steps.isEmpty && this.#calls.size === 0) break
      for (const call of this.#calls) call.fairTicks += 1
      const isLate = [...this.#calls].some(({ fairTicks }) => fairTicks > BUDGET)
      this.promise.require(!isLate, 'P5', `a caller waits for more than ${BUDGET} ticks`)
      this.promise.require(tick < RECOVERY, 'P5', 'something does not come to its end')
      await this.take({ label: '-- tick', kind: 'time', run: () => this.pass(1) })
    }
  }

  /** After everything: is the grant what the promise says? A loss that nobody has noticed yet shows at the next refresh. */
  async conclude(): Promise<void> {
    await this.settle()
    const { promise } = this
    promise.atRest()
    promise.enforce()
    const { lost, unrevoked } = promise.excuses
    if (promise.record === 'signed-out' && promise.signedOutAt !== undefined) {
      const isExcused = lost || unrevoked
      promise.require(
        this.server.isFamilyRevoked || isExcused,
        'P4_REVOKED',
        'sign-out leaves tokens alive at the server',
      )
      promise.enforce()
    }
    if (promise.record !== 'alive') return

    await this.take({ label: '-- much later', kind: 'time', run: () => this.pass(3 * L) })
    const { generation } = promise
    const [process = this.#start('E0')] = this.processes
    for (let tick = 0; promise.record === 'alive' && promise.generation === generation; tick += 1) {
      promise.require(tick < RECOVERY, 'P5', 'the next refresh neither succeeds nor ends the grant')
      const found = await this.#around.store.memory.read(GRANT)
      const refused = found.kind === 'live' ? found.state.tokens.accessToken : ''
      await this.take({
        label: `${process.name} is asked to replace it`,
        kind: 'call',
        run: () => this.#call(process, { refused }),
      })
      await this.settle()
      await this.take({ label: '-- tick', kind: 'time', run: () => this.pass(1) })
    }
  }

  #start(name: string, origin = 0): Process {
    return new Process(name, origin, this.#around)
  }

  #restart(process: Process): void {
    this.#deaths += 1
    process.die()
    this.promise.died(process)
    for (const signingOut of this.#signingOut) {
      if (signingOut.process === process && this.#signingOut.delete(signingOut)) this.promise.excuses.unrevoked = true
    }
    for (const call of this.#calls) if (call.process === process) this.#calls.delete(call)
    const at = this.processes.indexOf(process)
    if (at >= 0) this.processes[at] = this.#start(process.name, ORIGINS[at])
  }

  /** As on SIGTERM: it takes no more calls, and leaves nothing behind that it could have stored within two leases. */
  #shutDown(process: Process): void {
    const begunAt = this.#time
    this.#deaths += 1
    process.isClosing = true
    void process.keeper.settle(process.keeper.patienceMs).then(() => {
      if (!process.isAlive) return
      const isPatient = this.#time - begunAt >= 2 * SETTINGS.leaseMs
      const isLeft = this.promise.leavesBehind(process)
      this.promise.require(
        isPatient || !isLeft || this.promise.excuses.alien,
        'P6_NO_LOSS',
        `${process.name} shuts down with an answer in its hands`,
      )
      this.trace.push(`   ${process.name} has shut down`)
      this.#restart(process)
    })
  }

  #calling(): Step[] {
    if (this.#callsMade >= MAX_CALLS) return []
    const steps: Step[] = []
    const refused = this.handedOut.at(-1) ?? accessTokenFor(1, 1, '', false)
    for (const process of this.processes) {
      if (!process.isAwake || process.isClosing || this.#calls.size >= MAX_WAITING) continue
      const { name } = process
      steps.push(
        { label: `${name} is asked for a token`, kind: 'call', run: () => this.#call(process, {}) },
        { label: `${name} is asked to replace ${refused}`, kind: 'call', run: () => this.#call(process, { refused }) },
        {
          label: `${name} is asked for a resource`,
          kind: 'call',
          run: () => this.#call(process, { resource: RESOURCE }),
        },
      )
    }
    const [waiting] = this.#calls
    if (waiting !== undefined)
      steps.push({ label: 'a client hangs up', kind: 'call', run: () => waiting.hangUp.abort() })
    return steps
  }

  #environment(): Step[] {
    const steps: Step[] = [
      { label: '-- tick', kind: 'time', run: () => this.pass(1) },
      { label: '-- two leases pass', kind: 'leases', run: () => this.pass(2 * L) },
    ]
    for (const process of this.processes) {
      const { name, isPaused, isClosing } = process
      steps.push({
        label: `${name} ${isPaused ? 'goes on' : 'pauses'}`,
        kind: 'pause',
        run: () => void (process.isPaused = !isPaused),
      })
      if (this.#deaths < MAX_DEATHS) {
        steps.push({ label: `${name} dies`, kind: 'crash', run: () => this.#restart(process) })
        if (!isClosing) steps.push({ label: `${name} shuts down`, kind: 'crash', run: () => this.#shutDown(process) })
      }
      if (this.#signOuts < 2 && !isClosing)
        steps.push({ label: `${name} signs out`, kind: 'sign-out', run: () => this.#signOut(process) })
    }
    return steps
  }

  #call(process: Process, request: AccessTokenRequest): void {
    const call: Call = { process, begunAt: this.#time, hangUp: new AbortController(), fairTicks: 0 }
    const isAfterSignOut = this.promise.signedOutAt !== undefined
    const mayBeStale =
      this.promise.mayServeHeld(process) ||
      (this.promise.signedOutAt !== undefined && this.#time - this.promise.signedOutAt < this.#around.settings.cacheMs)
    this.#callsMade += 1
    this.#calls.add(call)
    process.keeper.accessToken(GRANT, { ...request, signal: call.hangUp.signal }).then(
      (accessToken) => {
        if (!this.#calls.delete(call)) return
        const { token } = accessToken
        this.trace.push(`   ${process.name} hands out ${token}`)
        this.handedOut.push(token)
        this.promise.handsOut(process, accessToken, request.resource ?? '', isAfterSignOut, mayBeStale)
      },
      (error: unknown) => {
        if (!this.#calls.delete(call)) return
        this.trace.push(
          `   ${process.name} answers ${error instanceof AuthError ? `${error.code}, ${error.message}` : String(error)}`,
        )
        this.#judge(error)
      },
    )
  }

  /** P5: an error that says what to do. P6: nobody is sent to sign in again while the grant lives. */
  #judge(error: unknown): void {
    const code = error instanceof AuthError ? error.code : undefined
    const says = code === 'ERR_AUTH_REVOKED' || code === 'ERR_AUTH_REQUIRED' || code === 'ERR_AUTH_MISCONFIGURED'
    const comesAgain =
      error instanceof AuthError && error.code === 'ERR_AUTH_UNAVAILABLE' && error.retryAfterSeconds !== undefined
    this.promise.require(says || comesAgain, 'P5', `a caller gets ${String(error)}`)
    this.promise.require(
      code !== 'ERR_AUTH_REVOKED' || this.promise.record !== 'alive',
      'P6_NO_LOSS',
      'a caller is told to sign in again though the grant lives',
    )
  }

  #signOut(process: Process): void {
    this.#signOuts += 1
    const signingOut = { process }
    this.#signingOut.add(signingOut)
    process.keeper.end(GRANT, 'signed-out').then(
      () => {
        if (!this.#signingOut.delete(signingOut)) return
        this.trace.push(`   ${process.name} has signed out`)
        this.promise.signedOutAt ??= this.#time
      },
      () => {
        // Whoever signs out again finds nothing to revoke if this one has succeeded after all.
        this.promise.excuses.unrevoked = true
        this.#signingOut.delete(signingOut)
      },
    )
  }
}

/** So that a trace says which of several it was. */
function numbered(steps: readonly Step[]): Step[] {
  const counts = new Map<string, number>()
  return steps.map((step) => {
    const count = (counts.get(step.label) ?? 0) + 1
    counts.set(step.label, count)
    return count === 1 ? step : { ...step, label: `${step.label} (${count})` }
  })
}

/** Everything that follows by itself has followed: the engine waits for nothing but steps. */
function quiet(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}
