import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { until } from './until.ts'

export interface RedisServer {
  readonly port: number
  /** The one that runs now. */
  readonly process: ChildProcess
  /** Ends it at once. What it held is lost, unless it was started with `--appendonly yes`. */
  kill(): Promise<void>
  /** Starts it again, on the same port and with what it has kept. Resolves when it listens. */
  start(...more: string[]): Promise<void>
  /** As `kill`, and nothing is kept. */
  close(): Promise<void>
}

/** A real redis-server in memory, on a port of its own. */
export async function startRedis(...settings: string[]): Promise<RedisServer> {
  return startServer(async () => ['--save', '', '--appendonly', 'no', ...settings])
}

/** Watches one master, alone, and has a replica of it promoted soon after it has gone. */
export async function startSentinel(name: string, masterPort: number): Promise<RedisServer> {
  return startServer(async (folder) => {
    const file = join(folder, 'sentinel.conf')
    const settings = [
      `sentinel monitor ${name} 127.0.0.1 ${masterPort} 1`,
      `sentinel down-after-milliseconds ${name} 500`,
      `sentinel failover-timeout ${name} 5000`,
    ]
    await writeFile(file, settings.join('\n'))
    return [file, '--sentinel'] // it keeps what it knows in the file
  })
}

/** @param settingsIn what the server is told, beside where to listen; it may need files in its folder. */
async function startServer(settingsIn: (folder: string) => Promise<readonly string[]>): Promise<RedisServer> {
  const port = await freePort()
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-redis-'))
  const settings = [...(await settingsIn(folder)), '--port', String(port), '--bind', '127.0.0.1', '--dir', folder]
  const launch = async (...more: string[]): Promise<ChildProcess> => {
    const path = process.env['REDIS_SERVER_PATH'] ?? 'redis-server'
    const launched = spawn(path, [...settings, ...more], { stdio: 'ignore' })
    const connection = {
      lazyConnect: true,
      retryStrategy: () => 20,
      maxRetriesPerRequest: null,
      enableReadyCheck: false,
    }
    const client = new Redis(port, connection)
    client.on('error', () => {}) // until it listens
    await client.connect().catch(() => {})
    await client.ping().catch(() => {}) // it may be loading
    client.disconnect()
    return launched
  }

  let server = await launch()
  const kill = async (): Promise<void> => {
    if (server.exitCode !== null || server.signalCode !== null) return
    server.kill('SIGKILL')
    await once(server, 'exit')
  }
  return {
    port,
    get process() {
      return server
    },
    kill,
    async start(...more) {
      server = await launch(...more)
    },
    async close() {
      await kill()
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
  await until(
    async () => {
      const infos = await Promise.all(clients.map(async (client) => String(await client.call('CLUSTER', 'INFO'))))
      return infos.every((info) => info.includes('cluster_state:ok') && info.includes('cluster_known_nodes:3'))
    },
    'the cluster',
    30_000,
  )
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
