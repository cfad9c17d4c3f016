import type { Cluster, Redis } from 'ioredis'
import { keyOf, nameKeyOf, openGrants } from '../support/redis-grants.ts'
import type { StoreUnderTest } from './grant-store-contract.ts'

/** Redis has its own clock, which no test can set. Time passes here by moving every time stamp into the past by as much. */
const PASS_TIME = `
local fields = { 'claimUntil', 'intentUntil', 'refusedUntil', 'backoffUntil', 'storedAt' }
for _, field in ipairs(fields) do
  local value = tonumber(redis.call('HGET', KEYS[1], field) or '')
  if value and value > 0 then redis.call('HSET', KEYS[1], field, string.format('%.0f', value - ARGV[1])) end
end
`
const PASS_LIFE = `
local left = redis.call('PTTL', KEYS[1]) - ARGV[1]
if left > 0 then redis.call('PEXPIRE', KEYS[1], string.format('%.0f', left)) else redis.call('DEL', KEYS[1]) end
`

/** The store of `redisGrants`, for the contract of every grant store. */
export function redisUnderTest(client: Redis | Cluster): StoreUnderTest {
  const store = openGrants(client)
  const ids: string[] = []
  const names = new Set<string>()
  const create = store.create.bind(store)
  const remember = store.remember.bind(store)
  store.create = async (id, ...more) => {
    ids.push(id)
    await create(id, ...more)
  }
  store.remember = async (name, forMs) => {
    names.add(name)
    await remember(name, forMs)
  }
  return {
    store,
    now: () => Date.now(),
    async advance(ms) {
      await Promise.all(ids.map((id) => client.eval(PASS_TIME, 1, keyOf(id), ms)))
      await Promise.all([...names].map((name) => client.eval(PASS_LIFE, 1, nameKeyOf(name), ms)))
    },
  }
}
