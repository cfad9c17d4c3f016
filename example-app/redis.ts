import { Cluster, Redis } from 'ioredis'

/** @param urls one of a server of its own, several of nodes of a Cluster. */
export function connectRedis(urls: readonly string[]): Redis | Cluster {
  // A Redis that hangs is one that is away: requests get their 503 and do not pile up.
  const options = { commandTimeout: 1_000, maxRetriesPerRequest: 1 }
  const [first = '', ...others] = urls
  const client = others.length === 0 ? new Redis(first, options) : new Cluster([...urls], { redisOptions: options })
  client.on('error', (error: Error) => console.error(`Redis: ${error.message}`))
  return client
}
