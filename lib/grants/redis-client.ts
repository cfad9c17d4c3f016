import { createHash } from 'node:crypto'
import { AuthError } from '../errors.ts'

/** What is needed of an `ioredis` client: standalone, Sentinel or Cluster. */
export interface RedisClient {
  evalsha(sha: string, numberOfKeys: number, ...keysAndArguments: string[]): Promise<unknown>
  eval(script: string, numberOfKeys: number, ...keysAndArguments: string[]): Promise<unknown>
  /** `true`: its keys are spread over several servers. */
  readonly isCluster?: boolean
  /** Only for `waitForReplicas`. */
  wait?(count: number, timeoutMs: number): Promise<number>
  /** Only for `waitForReplicas`: the connection. Another one means that the client has reconnected. */
  readonly stream?: unknown
}

export interface ReplicaSettings {
  readonly count: number
  readonly timeoutMs: number
}

export interface Script {
  readonly lua: string
  readonly sha: string
}

export function script(lua: string): Script {
  return { lua, sha: createHash('sha1').update(lua).digest('hex') }
}

/** Runs scripts on the application's client. */
export class RedisScripts {
  readonly #redis: RedisClient
  readonly #replicas: ReplicaSettings | undefined

  constructor(redis: RedisClient, replicas: ReplicaSettings | undefined) {
    this.#redis = redis
    this.#replicas = replicas
  }

  async run({ lua, sha }: Script, keys: readonly string[], args: readonly string[]): Promise<unknown> {
    try {
      return await this.#redis.evalsha(sha, keys.length, ...keys, ...args)
    } catch (error) {
      if (isWrongType(error)) throw unreadable('its key holds a value of another kind')
      // A new server, one that was failed over to, or SCRIPT FLUSH.
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error
      return await this.#redis.eval(lua, keys.length, ...keys, ...args)
    }
  }

  /** The connection that what is run now is written to. */
  get connection(): unknown {
    return this.#redis.stream
  }

  /**
   * Resolves when enough replicas have what was written, if the application asked for that (rule 9: a fail-over must lose neither a
   * claim nor an answer).
   *
   * @param connection that it was written to: WAIT speaks for the server at the other end of its own connection, which after a reconnection may be another.
   */
  async acknowledged(connection: unknown): Promise<void> {
    if (this.#replicas === undefined) return
    const { count, timeoutMs } = this.#replicas
    const replicas = (await this.#redis.wait?.(count, timeoutMs)) ?? 0
    if (replicas >= count && this.#redis.stream === connection) return
    throw new Error(`fewer than ${count} replicas have acknowledged a write within ${timeoutMs} ms`)
  }
}

/** Redis 7 begins the message with it, Redis 6 has it in the middle. */
function isWrongType(error: unknown): boolean {
  return error instanceof Error && error.message.includes('WRONGTYPE')
}

/** What is stored is not what this package, with these secrets, wrote. Never mistaken for a grant that is gone. */
export function unreadable(why: string): AuthError {
  return new AuthError('ERR_AUTH_RECORD', `a stored grant cannot be read: ${why}`)
}
