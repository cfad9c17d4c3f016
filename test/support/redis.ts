import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { until } from './until.ts'

export interface RedisServer {
  readonly port: number
  readonly process: ChildProcess
  /** Ends it at once; what it held is lost. */
  close(): Promise<void>
}

/** A real redis-server in memory, on a port of its own. */
export async function startRedis(...more: string[]): Promise<RedisServer> {
  const port = await freePort()
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-redis-'))
  const settings = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder]
  const server = spawn(process.env['REDIS_SERVER_PATH'] ?? 'redis-server', [...settings, ...more], { stdio: 'ignore' })
  const client = new Redis(port, { lazyConnect: true, retryStrategy: () => 20, maxRetriesPerRequest: null })
  client.on('error', () => {}) // until it listens
  await client.connect().catch(() => {})
  await client.ping()
  client.disconnect()
  return {
    port,
    process: server,
    async close() {
      if (server.exitCode === null && server.signalCode === null) {
        server.kill('SIGKILL')
        await once(server, 'exit')
      }
      await rm(folder, { recursive: true, force: true })
    },
  }
}

export interface RedisCluster {
  readonly ports: readonly number[]
  close(): Promise<void>
}

const SLOTS = 16_384

/** Three masters that share the slots. */
export async function startRedisCluster(): Promise<RedisCluster> {
  const busPorts = await Promise.all([freePort(), freePort(), freePort()])
  const nodes = busPorts.map((port) => ['--cluster-enabled', 'yes', '--cluster-port', String(port)])
  const servers = await Promise.all(nodes.map((settings) => startRedis(...settings)))
  const clients = servers.map(({ port }) => new Redis(port))
  const [, ...others] = clients
  const share = Math.ceil(SLOTS / servers.length)
  await Promise.all(
    clients.map((client, at) =>
      client.call('CLUSTER', 'ADDSLOTSRANGE', at * share, Math.min((at + 1) * share, SLOTS) - 1),
    ),
  )
  await Promise.all(
    others.map((client) => client.call('CLUSTER', 'MEET', '127.0.0.1', servers[0]?.port ?? 0, busPorts[0] ?? 0)),
  )
  await until(async () => {
    const infos = await Promise.all(clients.map(async (client) => String(await client.call('CLUSTER', 'INFO'))))
    return infos.every((info) => info.includes('cluster_state:ok') && info.includes('cluster_known_nodes:3'))
  }, 'the cluster')
  for (const client of clients) client.disconnect()
  return {
    ports: servers.map(({ port }) => port),
    async close() {
      await Promise.all(servers.map((server) => server.close()))
    },
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const address = probe.address()
  probe.close()
  await once(probe, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}
