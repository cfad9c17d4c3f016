import { afterAll, beforeAll } from '@jest/globals'
import { Cluster, Redis } from 'ioredis'
import { startRedis, startRedisCluster, type RedisCluster, type RedisServer } from '../support/redis.ts'
import { describeGrantStore } from './grant-store-contract.ts'
import { redisUnderTest } from './redis-under-test.ts'

let server: RedisServer
let redis: Redis
let cluster: RedisCluster
let clusterClient: Cluster

beforeAll(async () => {
  ;[server, cluster] = await Promise.all([startRedis(), startRedisCluster()])
  redis = new Redis(server.port)
  clusterClient = new Cluster(cluster.ports.map((port) => ({ host: '127.0.0.1', port })))
}, 60_000)

afterAll(async () => {
  redis.disconnect()
  clusterClient.disconnect()
  await Promise.all([server.close(), cluster.close()])
})

describeGrantStore('Redis', async () => redisUnderTest(redis))
describeGrantStore('Redis Cluster', async () => redisUnderTest(clusterClient))
