// node soak/run.js [--minutes 10] [--users 30]: mixed traffic with access tokens of 3 seconds, while upstream and Redis are stopped, killed and
// started again. Every answer is checked; what the process holds when it is left alone must be what it held after warming up.
import { mkdtempSync, rmSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { CLIENT } from '../support/fixtures.js'
import { freePort } from '../support/processes.js'
import { StrictServer } from '../support/strict-server-control.js'
import { Ledger } from './ledger.js'
import { Restartable } from './restartable.js'
import { User } from './traffic.js'

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '10' }, users: { type: 'string', default: '30' } },
})
const DURATION_MS = Number(values.minutes) * 60_000
const WARM_UP_MS = Math.min(DURATION_MS / 5, 60_000)

/** Open connections and the like are closed by then, and what expires has expired. */
const QUIET_MS = 15_000

/**
 * Of the heap: 8 Mi characters of sealed tokens, and what they open to, may be kept for grants that were used last; each sign-in makes one.
 * Of everything else: nothing, but for chance.
 */
const MAX_GROWTH = { heapUsed: 24 * 2 ** 20, external: 8 * 2 ** 20, descriptors: 5, resources: 5 }

const [redisPort, upstreamPort, port] = [await freePort(), await freePort(), await freePort()]
const folder = mkdtempSync(join(tmpdir(), 'latchkey-soak-'))
const ledger = new Ledger()

// Each write is on the disk before it is acknowledged: what a killed Redis forgot would be no fault of ours.
const redisCommand = ['redis-server', '--port', redisPort, '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'yes', '--appendfsync', 'always'].map(String) // prettier-ignore
const redis = await new Restartable(redisCommand, redisPort, {}).start()
const bench = (given) => ({ env: { ...process.env, NODE_ENV: 'production', BENCH: JSON.stringify(given) } })
const upstream = await new Restartable([process.execPath, 'soak/upstream.js'], upstreamPort, bench({ port: upstreamPort }), (arrived) => ledger.arrived(arrived)).start() // prettier-ignore
const origin = `http://127.0.0.1:${port}`
const server = await StrictServer.start({ [CLIENT.clientId]: [`${origin}/callback`] }, QUIET_MS / 3)
await server.set(CLIENT.clientId, { lifetimeSeconds: 3, answerMs: 30 })
const given = { port, baseUrl: origin, issuer: server.issuer, client: CLIENT, redisPort, upstream: `http://127.0.0.1:${upstreamPort}` } // prettier-ignore
const app = await new Restartable([process.execPath, '--expose-gc', 'soak/app.js'], port, bench(given)).start()

await period('warming up', WARM_UP_MS)
const before = await gauge()
await period('soaking', DURATION_MS, faults)
const after = await gauge()
await app.stop()
await upstream.stop()
await redis.stop()
rmSync(folder, { recursive: true, force: true })

const grown = Object.keys(MAX_GROWTH).filter((key) => total(after[key]) - total(before[key]) > MAX_GROWTH[key])
console.log(JSON.stringify({ counts: ledger.counts, passing: ledger.passing, before, after }, undefined, 2))
for (const line of ledger.wrong.slice(0, 50)) console.log(`WRONG ${line}`)
console.log(`${ledger.wrong.length} wrong answers, ${ledger.passing} explained by a fault; ${grown.length === 0 ? 'nothing grew' : `grew: ${grown.join(', ')}`}`) // prettier-ignore
process.exit(ledger.wrong.length === 0 && grown.length === 0 ? 0 : 1)

async function period(what, ms, meanwhile = async () => {}) {
  const until = Date.now() + ms
  const users = Array.from({ length: Number(values.users) }, () => new User(origin, ledger))
  for (const user of users) await user.signIn()
  const reporting = report(what, until)
  await Promise.all([meanwhile(until), ...users.map((user) => user.live(until))])
  await reporting
}

/** One after the other, with time to recover in between. */
async function faults(until) {
  const stopRedis = async (signal) => {
    await redis.stop(signal)
    await sleep(2_000)
    await redis.start()
  }
  const stopUpstream = async (signal) => {
    await upstream.stop(signal)
    await sleep(2_000)
    await upstream.start()
  }
  const plan = [() => stopUpstream('SIGTERM'), () => stopRedis('SIGTERM'), () => stopUpstream('SIGKILL'), () => stopRedis('SIGKILL')] // prettier-ignore
  for (let n = 0; Date.now() < until - 30_000; n += 1) {
    await sleep(20_000)
    const over = ledger.fault()
    await plan[n % plan.length]()
    over()
  }
}

async function report(what, until) {
  while (Date.now() < until) {
    await sleep(Math.min(15_000, Math.max(until - Date.now(), 0)))
    const tokens = await ledger.settle(server)
    console.log(`${what}: ${tokens} tokens checked, ${ledger.wrong.length} wrong, ${ledger.passing} explained`)
  }
}

/** What is left when everybody has gone. */
async function gauge() {
  await sleep(QUIET_MS)
  const descriptors = readdirSync(`/proc/${app.pid}/fd`).length
  return { ...(await app.ask('gauge')), descriptors }
}

function total(value) {
  return typeof value === 'number' ? value : Object.values(value).reduce((sum, count) => sum + count, 0)
}
