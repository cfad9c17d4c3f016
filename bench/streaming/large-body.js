// node streaming/large-body.js [--gigabytes 5]: one body down and one up through latchkey's proxy, and how much its process grows meanwhile.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, request } from 'node:http'
import { parseArgs } from 'node:util'
import { MB } from '../support/bodies.js'
import { startContender } from '../support/enter.js'
import { runOnNode } from '../support/node-version.js'
import { freePort, residentBytes, stepAside, stopAll } from '../support/processes.js'

/** What a whole body would not fit into. */
const MAY_GROW_MB = 80
const LOOK_EVERY_MS = 100
const WARM_UP = 256 * MB

const { values } = parseArgs({ options: { gigabytes: { type: 'string', default: '5' }, node: { type: 'string' } } })
const size = Math.round(Number(values.gigabytes) * 1_024) * MB

await runOnNode(values.node)
stepAside()
const upstream = createServer((req, res) => {
  if (req.method === 'GET') void write(res, Number(req.url.slice(1)))
  else void lengthOf(req).then((length) => res.end(String(length)))
}).listen(0, '127.0.0.1')
await once(upstream, 'listening')
const contender = { name: 'latchkey', file: 'proxy/latchkey.js', port: await freePort(), headers: {} }
const surroundings = {
  upstream: `http://127.0.0.1:${upstream.address().port}`,
  issuer: 'http://127.0.0.1:9', // nobody signs in
}
await startContender(contender, surroundings, { keepsMemory: false })

const DIRECTIONS = { down, up }
for (const stream of Object.values(DIRECTIONS)) await stream(WARM_UP)
for (const [name, stream] of Object.entries(DIRECTIONS)) {
  const { seconds, growthMb } = await watch(() => stream(size))
  console.log(
    `${values.gigabytes} GB ${name}: ${growthMb.toFixed(1)} MB more memory, ${(size / MB / seconds).toFixed(0)} MB/s`,
  )
  if (growthMb > MAY_GROW_MB) process.exitCode = 1
}
await stopAll()
process.exit()

async function down(length) {
  const [answer] = await once(send('GET', `/${length}`).end(), 'response')
  assert.equal(await lengthOf(answer), length)
}

async function up(length) {
  const outgoing = send('POST', '/', { 'content-length': length })
  const answered = once(outgoing, 'response')
  await write(outgoing, length)
  const [answer] = await answered
  assert.equal(Number((await answer.toArray()).join('')), length)
}

function send(method, path, headers = {}) {
  return request({ port: contender.port, host: '127.0.0.1', method, path: `/api${path}`, headers, agent: false })
}

/** As fast as it is taken. */
async function write(to, length) {
  const chunk = Buffer.alloc(MB, 'x')
  for (let written = 0; written < length; written += MB) if (!to.write(chunk)) await once(to, 'drain')
  to.end()
}

async function lengthOf(from) {
  let length = 0
  for await (const chunk of from) length += chunk.length
  return length
}

/** @returns how long it took, and how much the process grew at most meanwhile. */
async function watch(task) {
  const before = residentBytes(contender.child)
  let most = before
  const looking = setInterval(() => (most = Math.max(most, residentBytes(contender.child))), LOOK_EVERY_MS)
  const begunAt = performance.now()
  await task()
  clearInterval(looking)
  return { seconds: (performance.now() - begunAt) / 1_000, growthMb: (most - before) / MB }
}
