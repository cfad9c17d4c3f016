import { setTimeout as sleep } from 'node:timers/promises'

/** Longer than Redis takes to send on what it has seen. */
const QUIET_MS = 300

/** What an action costs Redis: twice the same, since watching the commands makes traffic of its own. */
export class RedisMeter {
  /** @readonly */ #redis

  constructor(redis) {
    this.#redis = redis
  }

  /** @param action does it all. @returns per one of the `count`: round trips, commands with those inside scripts, bytes, CPU. */
  async cost(count, action) {
    const { roundTrips, inside, names } = await this.#watch(action)
    const before = await this.#info()
    await action()
    const after = await this.#info()
    const per = (key) => (after[key] - before[key]) / count
    return {
      roundTrips: roundTrips / count,
      inside: inside / count,
      names: [...names].map(([name, times]) => ({ name, times: times / count })),
      bytesIn: per('total_net_input_bytes'),
      bytesOut: per('total_net_output_bytes'),
      cpuMicroseconds: 1e6 * (per('used_cpu_user') + per('used_cpu_sys')),
    }
  }

  async #watch(action) {
    const monitor = await this.#redis.duplicate().monitor()
    const names = new Map()
    let [roundTrips, inside] = [0, 0]
    monitor.on('monitor', (_time, [command], source) => {
      if (source === 'lua') return void (inside += 1)
      const name = command.toUpperCase()
      if (name === 'INFO') return undefined // what a client asks when it connects, this one too
      roundTrips += 1
      names.set(name, (names.get(name) ?? 0) + 1)
    })
    await action()
    await sleep(QUIET_MS)
    monitor.disconnect()
    return { roundTrips, inside, names }
  }

  async #info() {
    const text = await this.#redis.info('everything')
    return Object.fromEntries(text.split('\r\n').map((line) => line.split(':', 2)))
  }

  /** In bytes, all that Redis has allocated for data. */
  async usedMemory() {
    const { used_memory: used, used_memory_startup: startup, mem_clients_normal: clients = 0 } = await this.#info()
    return used - startup - clients
  }

  /** Mean bytes and lifetime of the keys, by kind. @param kindOf names the kind of a key; `undefined`: gone since. */
  async records(kindOf, sampleSize) {
    const kinds = new Map()
    for await (const keys of this.#redis.scanStream({ count: 500 })) {
      for (const key of keys) {
        const kind = await kindOf(key)
        if (kind === undefined) continue
        const seen = kinds.get(kind) ?? { count: 0, sampled: 0, bytes: 0, ttlSeconds: 0 }
        kinds.set(kind, seen)
        seen.count += 1
        if (seen.sampled === sampleSize) continue
        seen.sampled += 1
        seen.bytes += Number(await this.#redis.call('MEMORY', 'USAGE', key, 'SAMPLES', '0'))
        seen.ttlSeconds += await this.#redis.ttl(key)
      }
    }
    const mean = ({ count, sampled, bytes, ttlSeconds }) => ({
      count,
      bytes: bytes / sampled,
      ttlSeconds: ttlSeconds / sampled,
    })
    return new Map([...kinds].map(([kind, seen]) => [kind, mean(seen)]))
  }
}
