import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { once } from 'node:events'
import { request, type ServerResponse } from 'node:http'
import type { ProxyOptions } from '../../lib/index.ts'
import { startOpenProxy, type OpenProxy } from '../support/open-proxy.ts'
import { startProxiedApp } from '../support/proxied-app.ts'
import { answerTo, beginRequest, receive } from '../support/raw-client.ts'
import { until } from '../support/until.ts'
import { gone, readBytes, startUpstream, type Upstream } from '../support/upstream.ts'

test('a client is not blamed for the time that its token took', async () => {
  const site = await startProxiedApp({ accessTokenTtlSeconds: 60, proxy: { totalTimeoutMs: 1_000 } })
  const browser = await site.signedIn()
  const { authorizationServer, clock } = site
  clock.advance({ seconds: 61 })
  const goOn = authorizationServer.holdTokenEndpoint()
  const headers = { 'content-length': 4 }
  const sent = beginRequest(browser, `${site.proxied}/x`, { method: 'POST', headers })
  const answer = answerTo(sent)
  sent.write('ab')
  await until(() => authorizationServer.tokenRequests('refresh_token').length === 1, 'a refresh begins')

  clock.advance({ seconds: 2 })
  goOn()

  try {
    expect((await answer).statusCode).toBe(504)
    expect(site.upstream.requests).toEqual([])
  } finally {
    sent.destroy()
    await site.close()
  }
})

describe('how long an answer may take', () => {
  let upstream: Upstream
  let site: OpenProxy
  const answers: ServerResponse[] = []
  beforeEach(async () => {
    upstream = await startUpstream()
    upstream.answer((_req, res) => void answers.push(res))
  })
  afterEach(async () => {
    answers.length = 0
    await site.close()
    await upstream.close()
  })

  async function start(options: ProxyOptions): Promise<void> {
    site = await startOpenProxy(upstream.url, options)
  }

  test('in all: one that has not begun by then is 504, and the target is told', async () => {
    await start({ totalTimeoutMs: 60_000 })
    const asked = fetch(`${site.url}/x`)
    await until(() => answers.length === 1, 'the request arrives')

    site.clock.advance({ ms: 60_000 })

    const answer = await asked
    expect(answer.status).toBe(504)
    expect(await answer.json()).toMatchObject({ code: 'ERR_AUTH_UPSTREAM_TIMEOUT' })
    await gone(answers[0] as ServerResponse)
  })

  test.each([
    ['is cut off, and that is told', 'text/html', ['ERR_AUTH_UPSTREAM_TIMEOUT']],
    ['is cut off also where an event stream would do', 'application/json', ['ERR_AUTH_UPSTREAM_TIMEOUT']],
    ['that is an event stream ends', 'text/event-stream', []],
  ])('in all: one that has begun %s', async (_what, type, told) => {
    await start({ totalTimeoutMs: 60_000 })
    const headers = { accept: `${type}, text/event-stream`, 'x-requested-with': 'test' }
    const asked = answerTo(request(`${site.url}/x`, { headers }).end())
    await until(() => answers.length === 1, 'the request arrives')
    answers[0]?.writeHead(200, { 'content-type': `${type}; charset=utf-8` }).write('begun')
    const answer = await asked
    await once(answer, 'readable')

    site.clock.advance({ ms: 60_000 })

    expect(await receive(answer)).toEqual({ text: 'begun', end: 'cut' })
    await gone(answers[0] as ServerResponse)
    expect(site.events.map((event) => (event as { code?: string }).code)).toEqual(told)
  })

  test('in all: nothing happens to one that has ended, nor to the next one', async () => {
    await start({ totalTimeoutMs: 60_000 })
    upstream.answer((_req, res) => void res.end('in time'))
    expect(await (await fetch(`${site.url}/x`)).text()).toBe('in time')

    site.clock.advance({ ms: 59_000 })
    expect(await (await fetch(`${site.url}/x`)).text()).toBe('in time')
    site.clock.advance({ ms: 2_000 })

    expect(await (await fetch(`${site.url}/x`)).text()).toBe('in time')
    expect(upstream.connections).toBe(1)
  })

  test('until it begins: 504, and the target is told', async () => {
    await start({})
    const asked = fetch(`${site.url}/x`)
    await until(() => answers.length === 1, 'the request arrives')

    site.clock.advance({ seconds: 30 })

    const answer = await asked
    expect(answer.status).toBe(504)
    expect(await answer.json()).toMatchObject({ code: 'ERR_AUTH_UPSTREAM_TIMEOUT' })
    await gone(answers[0] as ServerResponse)
  })

  test('until it begins: a sign of life counts, and then what comes has more time', async () => {
    await start({})
    const asked = request(`${site.url}/x`).end()
    const answer = answerTo(asked)
    await until(() => answers.length === 1, 'the request arrives')

    site.clock.advance({ seconds: 20 })
    const processing = once(asked, 'information')
    answers[0]?.writeProcessing()
    await processing
    site.clock.advance({ seconds: 20 })
    answers[0]?.write('begun ')
    await once(await answer, 'readable')
    site.clock.advance({ ms: 60_000 })
    answers[0]?.end('and ended')

    expect(await receive(await answer)).toEqual({ text: 'begun and ended', end: 'complete' })
  })

  test('until it begins: a body that is still being sent takes its time', async () => {
    await start({})
    let arrived: Promise<Buffer> | undefined
    upstream.answer((req, res) => {
      answers.push(res)
      arrived = readBytes(req)
    })
    const upload = request(`${site.url}/x`, { method: 'POST', headers: { 'x-requested-with': 'test' } })
    upload.write('first ')
    await until(() => answers.length === 1, 'the request arrives')

    site.clock.advance({ seconds: 60 })
    upload.end('and last')
    expect(String(await arrived)).toBe('first and last')
    answers[0]?.end('thanks')

    expect(await receive(await answerTo(upload))).toEqual({ text: 'thanks', end: 'complete' })
  })

  // undici's clock decides these two, and it is a coarse one.
  test('until it begins: a body that has been sent, and then nothing, is 504', async () => {
    await start({ headersTimeoutMs: 100 })
    const headers = { 'x-requested-with': 'test', 'transfer-encoding': 'chunked' }
    const upload = request(`${site.url}/x`, { method: 'POST', headers }).end('all of it')

    expect((await answerTo(upload)).statusCode).toBe(504)
    await gone(answers[0] as ServerResponse)
  })

  test('until it begins: may be longer than between its parts', async () => {
    await start({ headersTimeoutMs: 60_000, idleTimeoutMs: 50 })
    upstream.answer((_req, res) => void setTimeout(() => res.end('late'), 2_500))

    expect(await (await fetch(`${site.url}/x`)).text()).toBe('late')
  })

  test('while all connections are taken: 504, and the next free one goes to who still waits', async () => {
    await start({ connections: 1 })
    const first = fetch(`${site.url}/1`)
    await until(() => answers.length === 1, 'the first request arrives')
    answers[0]?.flushHeaders()
    await first
    const second = fetch(`${site.url}/2`)
    await until(() => site.requests === 2, 'the second request waits')

    site.clock.advance({ seconds: 30 })
    expect((await second).status).toBe(504)
    const third = fetch(`${site.url}/3`)
    await until(() => site.requests === 3, 'the third request waits')
    upstream.answer((_req, res) => void res.end('third'))
    answers[0]?.end('first')

    expect(await (await first).text()).toBe('first')
    expect(await (await third).text()).toBe('third')
    expect(upstream.requests.map(({ url }) => url)).toEqual(['/1', '/3'])
    expect(upstream.connections).toBe(1)
  })

  test('a client that leaves while all connections are taken costs none', async () => {
    await start({ connections: 1 })
    const first = fetch(`${site.url}/1`)
    await until(() => answers.length === 1, 'the first request arrives')
    const impatient = request(`${site.url}/2`).on('error', () => {})
    impatient.end()
    await until(() => site.requests === 2, 'the second request waits')
    impatient.destroy()
    await gone(impatient)

    upstream.answer((_req, res) => void res.end('fine'))
    answers[0]?.end('first')
    await (await first).text()

    expect(await (await fetch(`${site.url}/3`)).text()).toBe('fine')
    expect(upstream.requests.map(({ url }) => url)).toEqual(['/1', '/3'])
    expect(upstream.connections).toBe(1)
  })
})
