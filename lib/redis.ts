export { redisGrants, type RedisClient, type RedisGrantsOptions } from './grants/redis-grant-store.ts'
