import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { once } from 'node:events'
import { request, type IncomingMessage } from 'node:http'
import type { Readable, Writable } from 'node:stream'
import { startOpenProgram, type OpenProgram } from '../support/open-program.ts'
import { answerTo } from '../support/raw-client.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'

const MIB = 1024 * 1024

/** Larger than what the process may grow by. A body of any length goes the same way, bit by bit. */
const SIZE = 256 * MIB
const MAY_GROW = 48 * MIB

/** Less than V8 lets pile up before it collects any: those that were written are given back before. */
const BUFFERS = 8 * MIB

/** Since it was asked last. Bytes. */
interface Memory {
  readonly growth: number
  /** The most that there was in buffers at once. */
  readonly buffers: number
}

/** An application in a process of its own, which tells what memory it has taken. */
const PROGRAM = `
app.use('/up', auth.proxy(process.env.TARGET, { token: false }))
const server = auth.createServer(app).listen(0, '127.0.0.1', () => process.send(server.address().port))
let [before, most, buffers] = [0, 0, 0]
setInterval(() => {
  const { rss, arrayBuffers } = process.memoryUsage()
  most = Math.max(most, rss)
  buffers = Math.max(buffers, arrayBuffers)
}, 5)
process.on('message', () => {
  process.send({ growth: most - before, buffers })
  before = most = process.memoryUsage.rss()
  buffers = 0
})
`

describe('the memory that a large body takes', () => {
  let upstream: Upstream
  let program: OpenProgram
  let url: string
  beforeAll(async () => {
    upstream = await startUpstream()
    upstream.answer((req, res) => {
      if (req.method === 'GET') void write(res, Number(req.url?.slice(1)))
      else void takeSlowly(req).then((length) => res.end(String(length)))
    })
    program = startOpenProgram(PROGRAM, { TARGET: upstream.url })
    const port = await program.message<number>()
    url = `http://127.0.0.1:${port}/up`
    await download(32 * MIB)
    await upload(32 * MIB)
  })
  afterAll(async () => {
    program.child.kill()
    await upstream.close()
  })

  async function memory(): Promise<Memory> {
    program.child.send('memory')
    return program.message<Memory>()
  }

  async function download(size: number): Promise<number> {
    return takeSlowly(await answerTo(request(`${url}/${size}`, { agent: false }).end()))
  }

  async function upload(size: number): Promise<number> {
    const outgoing = request(url, { method: 'POST', agent: false, headers: { 'content-length': size } })
    const answer = answerTo(outgoing)
    await write(outgoing, size)
    return Number(Buffer.concat(await (await answer).toArray()).toString())
  }

  test.each([
    ['down', download],
    ['up', upload],
  ])('does not grow with its length: %s, to who reads slower than is written', async (_where, stream) => {
    await memory()

    expect(await stream(SIZE)).toBe(SIZE)

    const { growth, buffers } = await memory()
    expect(growth).toBeLessThan(MAY_GROW)
    expect(buffers).toBeLessThan(BUFFERS)
  })
})

/** As fast as it is taken. */
async function write(to: Writable, size: number): Promise<void> {
  const chunk = Buffer.alloc(MIB, 'x')
  for (let written = 0; written < size; written += MIB) if (!to.write(chunk)) await once(to, 'drain')
  to.end()
}

/** With a rest, in which all that is on its way has to wait. @returns the length. */
async function takeSlowly(from: IncomingMessage & Readable): Promise<number> {
  let length = 0
  let isRested = false
  for await (const chunk of from as AsyncIterable<Buffer>) {
    length += chunk.length
    if (isRested || length < 16 * MIB) continue
    isRested = true
    await new Promise((resolve) => setTimeout(resolve, 800))
  }
  return length
}
