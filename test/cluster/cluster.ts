import { Redis } from 'ioredis'
import { startRedis, type RedisServer } from '../support/redis.ts'
import { until } from '../support/until.ts'
import type { Orders, SignOut } from './authorization-server.ts'
import type { Fault } from './fault-points.ts'
import { Program } from './program.ts'
import type { FamilyReport } from './token-families.ts'
import type { WorkerSettings } from './worker.ts'

/** Short, so that the scenarios are. */
export const TIMES = { deadlineMs: 1_400, leaseMs: 2_000, waitMs: 2_400, commandTimeoutMs: 1_000 } as const

const WORKERS = 4

/** One process of the application. A new one takes its place when it was killed. */
export interface Worker {
  /** Tells the process apart from those that had its place before. */
  readonly name: string
  readonly program: Program
  /** A balancer sends nothing to one that is not up, and does not wait any more for one that is down. */
  state: 'up' | 'ending' | 'down'
}

export interface TokenVerdict {
  readonly subject: string
  readonly isLive: boolean
}

/** Four processes of an application behind a round robin, one Redis, one strict authorization server. */
export class Cluster {
  readonly redis: RedisServer
  /** Subjects whose answer was stored, or could not be, two leases or more after its claim had been asked for. */
  readonly storedLate = new Set<string>()
  readonly #server: Program
  readonly #workers: Worker[] = []
  #turn = 0
  #starts = 0

  private constructor(redis: RedisServer, server: Program) {
    this.redis = redis
    this.#server = server
  }

  static async start(): Promise<Cluster> {
    // What it acknowledges has been written, and is there after a restart; only the machine itself must not go down.
    const redis = await startRedis('--appendonly', 'yes', '--appendfsync', 'no')
    const cluster = new Cluster(redis, await Program.start('./authorization-server.ts', { leaseMs: TIMES.leaseMs }))
    cluster.#workers.push(...(await Promise.all(Array.from({ length: WORKERS }, () => cluster.#startWorker()))))
    return cluster
  }

  /** Whose turn it is. */
  next(): Worker {
    const up = this.#workers.filter(({ state }) => state === 'up')
    this.#turn += 1
    const worker = up[this.#turn % up.length]
    if (worker === undefined) throw new Error('no worker is up')
    return worker
  }

  /** The next worker that reaches the point is struck, only this one. @returns the worker, and the instant when it is. */
  async arm(fault: Fault): Promise<{ worker: Worker; struck: Promise<void> }> {
    const worker = this.next()
    await worker.program.ask(fault)
    return { worker, struck: until(() => worker.state === 'down', `${fault.signal} at ${fault.point}`) }
  }

  resume(worker: Worker): void {
    worker.program.signal('SIGCONT')
    worker.state = 'up'
  }

  /** Tells it to end in good order, and replaces it. */
  async drain(worker: Worker): Promise<void> {
    worker.state = 'ending'
    await worker.program.end('SIGTERM')
    await this.replace(worker)
  }

  async replace(worker: Worker): Promise<void> {
    await worker.program.end()
    this.#workers[this.#workers.indexOf(worker)] = await this.#startWorker()
  }

  async order(orders: Orders): Promise<void> {
    await this.#test('orders', JSON.stringify(orders))
  }

  /** Signs an end-user out at the authorization server, which tells a worker. @returns the status of what the worker answered. */
  async signOutAtServer(subject: string): Promise<number> {
    const signOut: SignOut = { subject, logoutUri: `${this.next().program.url}/backchannel-logout` }
    const { status } = (await this.#test('sign-out', JSON.stringify(signOut))) as { status: number }
    return status
  }

  /** All access tokens of the group are refused from now on. */
  async expire(group: string): Promise<void> {
    await this.#test('expire', group)
  }

  /** What access tokens were worth at an instant. */
  async judge(tokens: readonly { token: string; at: number }[]): Promise<(TokenVerdict | null)[]> {
    return (await this.#test('judge', JSON.stringify(tokens))) as (TokenVerdict | null)[]
  }

  /** The authorization server's book, by subject. */
  async book(group: string): Promise<Map<string, FamilyReport>> {
    const report = (await this.#test(`report?group=${group}`)) as FamilyReport[]
    return new Map(report.map((family) => [family.subject, family]))
  }

  /** Resolves when so many of the group's current refresh tokens have been presented. */
  async presented(group: string, count: number): Promise<void> {
    await until(async () => {
      const book = await this.book(group)
      return [...book.values()].filter(({ presentations }) => (presentations[0] ?? 0) > 0).length >= count
    }, `${count} refreshes`)
  }

  /** What is stored, by subject: past the workers, and past any cache of theirs. */
  async generations(): Promise<Map<string, number>> {
    const redis = new Redis(this.redis.port)
    const stored = new Map<string, number>()
    for await (const keys of redis.scanStream({ match: 'latchkey:grant:*', count: 1_000 })) {
      const records = await Promise.all((keys as string[]).map((key) => redis.hmget(key, 'subject', 'gen')))
      for (const [subject, generation] of records) stored.set(subject ?? '', Number(generation))
    }
    redis.disconnect()
    return stored
  }

  /** After a scenario that failed: the next one begins with nobody stopped, armed or missing. */
  async heal(): Promise<void> {
    this.redis.process.kill('SIGCONT')
    await Promise.all(this.#workers.map((worker) => this.replace(worker)))
  }

  async close(): Promise<void> {
    await Promise.all([...this.#workers.map(({ program }) => program.end()), this.#server.end(), this.redis.close()])
  }

  async #startWorker(): Promise<Worker> {
    const { commandTimeoutMs, ...refresh } = TIMES
    this.#starts += 1
    const name = `worker ${this.#starts}`
    const settings: WorkerSettings = {
      name,
      redisPort: this.redis.port,
      issuer: this.#server.url,
      refresh,
      commandTimeoutMs,
    }
    const worker: { -readonly [K in keyof Worker]?: Worker[K] } & Pick<Worker, 'name' | 'state'> = { name, state: 'up' }
    const program = await Program.start('./worker.ts', settings, (line) => {
      if (/^SIG(?:KILL|STOP) /.test(line)) worker.state = 'down'
      if (line.startsWith('LATE ')) this.storedLate.add(line.slice('LATE '.length))
    })
    return Object.assign(worker, { program })
  }

  async #test(path: string, body?: string): Promise<unknown> {
    const answer = await fetch(`${this.#server.url}/test/${path}`, { ...(body !== undefined && { method: 'POST', body }) }) // prettier-ignore
    return answer.json()
  }
}
