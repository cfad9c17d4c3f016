import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { Agent, request, type ClientRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import type { ProxyOptions } from '../../lib/index.ts'
import { startOpenProxy, type OpenProxy } from '../support/open-proxy.ts'
import { answerTo, receive } from '../support/raw-client.ts'
import { until } from '../support/until.ts'
import { gone, startUpstream, type Upstream } from '../support/upstream.ts'

/** So many may wait for each target. */
const MAX_WAITING = 1_000

describe('requests that wait for a connection, because all are taken', () => {
  let upstream: Upstream
  let site: OpenProxy
  let agent: Agent
  /** Answers the last request that came, whatever becomes of it otherwise. */
  let answerHere: () => void
  /** Without an answer. */
  let departed: number
  /** Not yet answered by the target. */
  const held: ServerResponse[] = []
  beforeEach(async () => {
    agent = new Agent()
    departed = 0
    upstream = await startUpstream()
    upstream.answer((_req, res) => void held.push(res))
  })
  afterEach(async () => {
    held.length = 0
    agent.destroy()
    await site.close()
    await upstream.close()
  })

  async function start(options: ProxyOptions, targets: string | string[] = upstream.url): Promise<void> {
    site = await startOpenProxy(targets, options, (app) => {
      app.use((_req, res, next) => {
        answerHere = () => void res.status(503).end('by the application')
        res.once('close', () => (departed += res.writableFinished ? 0 : 1))
        next()
      })
    })
  }

  /** Each on a connection of its own. Resolves when they have come to the proxy. */
  async function ask(...paths: string[]): Promise<ClientRequest[]> {
    const before = site.requests
    const asked = paths.map((path) => request(`${site.url}${path}`, { agent }).on('error', () => {}))
    for (const one of asked) one.end()
    await until(() => site.requests === before + paths.length, 'they come')
    return asked
  }

  async function statusOf(asked: Promise<IncomingMessage>): Promise<number> {
    const answer = await asked
    answer.resume()
    return answer.statusCode ?? 0
  }

  const paths = (): string[] => upstream.requests.map(({ url }) => url)

  test('go out in the order in which they came, each when another has ended', async () => {
    await start({ connections: 2 })
    const asked = [...(await ask('/1')), ...(await ask('/2')), ...(await ask('/3')), ...(await ask('/4'))]
    const answers = asked.map((one) => answerTo(one).then(receive))
    await until(() => held.length === 2, 'two are under way')

    held[1]?.end('b')
    await until(() => held.length === 3, 'the next one goes out')
    held[0]?.end('a')
    await until(() => held.length === 4, 'and the last one')
    held[2]?.end('c')
    held[3]?.end('d')

    expect((await Promise.all(answers)).map(({ text }) => text)).toEqual(['a', 'b', 'c', 'd'])
    expect(paths()).toEqual(['/1', '/2', '/3', '/4'])
    expect(upstream.connections).toBe(2)
  })

  test('are a thousand at most; the next one gets 503 at once, until one of them has left or its time is over', async () => {
    await start({ connections: 1 })
    await ask('/first')
    const waiting = await ask(...Array.from({ length: MAX_WAITING }, (_, n) => `/${n}`))

    const refused = await fetch(`${site.url}/too-many`)
    expect(refused.status).toBe(503)
    expect(refused.headers.get('retry-after')).toBe('1')
    expect(refused.headers.get('content-type')).toMatch(/^application\/problem\+json/)
    expect(await refused.json()).toMatchObject({ code: 'ERR_AUTH_UPSTREAM_BUSY' })

    waiting[500]?.destroy()
    await until(() => departed === 1, 'the proxy knows that one has left')
    const inItsPlace = (await ask('/in-its-place')).map((one) => statusOf(answerTo(one)))
    expect((await fetch(`${site.url}/too-many`)).status).toBe(503)

    site.clock.advance({ seconds: 30 })
    expect(await Promise.all(inItsPlace)).toEqual([504])
    const later = (await ask('/later')).map((one) => statusOf(answerTo(one)))
    held[0]?.end()
    await until(() => held.length === 2, 'the next one goes out')
    held[1]?.end()
    expect(await Promise.all(later)).toEqual([200])
    expect(paths()).toEqual(['/first', '/later'])
  })

  test('of clients that have left are forgotten, with what they sent', async () => {
    await start({ connections: 1 })
    const [first] = await ask('/first')
    const answer = answerTo(first as ClientRequest)
    const left = request(`${site.url}/left`, { agent, method: 'POST', headers: { 'transfer-encoding': 'chunked' } })
    left.on('error', () => {}).write('begun')
    await until(() => site.requests === 2, 'it waits')
    const [stays] = (await ask('/stays')).map((one) => answerTo(one).then(receive))
    left.destroy()
    await gone(left)

    held[0]?.end('first')
    await until(() => held.length === 2, 'who has stayed gets the connection')
    held[1]?.end('stays')

    expect((await receive(await answer)).text).toBe('first')
    expect((await stays)?.text).toBe('stays')
    expect(paths()).toEqual(['/first', '/stays'])
    expect(upstream.connections).toBe(1)
  })

  test.each([
    ['of which the application says how long they may take', () => site.clock.advance({ seconds: 20 }), 504],
    ['that the application answers itself meanwhile', () => answerHere(), 503],
  ])('%s give up their place', async (_which, end, status) => {
    await start({ connections: 1, totalTimeoutMs: 20_000 })
    await ask('/first')
    await until(() => held.length === 1, 'it is under way')
    const [second] = await ask('/second')
    const answer = statusOf(answerTo(second as ClientRequest))

    end()

    expect(await answer).toBe(status)
    upstream.answer((_req, res) => void res.end('fine'))
    held[0]?.end()
    expect(await (await fetch(`${site.url}/third`)).text()).toBe('fine')
    expect(paths()).toEqual(['/first', '/third'])
  })

  test('go to another target that has a connection free', async () => {
    const other = await startUpstream()
    try {
      await start({ connections: 1 }, [upstream.url, other.url])
      const hung: ServerResponse[] = []
      for (const each of [upstream, other]) each.answer((_req, res) => void hung.push(res))
      await ask('/hangs')
      await until(() => hung.length === 1, 'one target hangs')
      const free = upstream.requests.length === 0 ? upstream : other
      free.answer((_req, res) => void res.end('fine'))

      for (let n = 0; n < 4; n += 1) expect(await (await fetch(`${site.url}/${n}`)).text()).toBe('fine')
      expect(free.requests).toHaveLength(4)
    } finally {
      await other.close()
    }
  })

  test('when the application closes: are served in order, if the target answers', async () => {
    await start({ connections: 1 })
    const answers = (await ask('/1', '/2', '/3')).map((one) => statusOf(answerTo(one)))
    await until(() => held.length === 1, 'one is under way')
    upstream.answer((_req, res) => void res.end())

    const closed = site.auth.close()
    held[0]?.end()

    expect(await Promise.all(answers)).toEqual([200, 200, 200])
    await closed
  })

  test('when the application closes: are told, if the target does not answer', async () => {
    await start({ connections: 1 })
    const answers = (await ask('/1', '/2', '/3')).map((one) => statusOf(answerTo(one)))
    await until(() => held.length === 1, 'one is under way')

    const closed = site.auth.close()
    await until(() => {
      site.clock.advance({ seconds: 10 })
      return Promise.race([closed.then(() => true), soon().then(() => false)])
    }, 'it has closed')

    expect(await Promise.all(answers)).toEqual([502, 502, 502])
    expect(paths()).toHaveLength(1)
  })
})

async function soon(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 50))
}
