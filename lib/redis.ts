export type { RedisClient } from './grants/redis-client.ts'
export { redisGrants, type RedisGrantsOptions, type WaitForReplicas } from './grants/redis-grants.ts'
