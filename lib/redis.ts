export { redisGrants, type RedisGrantsOptions } from './grants/redis-grant-store.ts'
