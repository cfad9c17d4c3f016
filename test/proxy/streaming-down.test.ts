import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { Browser } from '../support/browser.ts'
import { startProxiedApp, type ProxiedApp } from '../support/proxied-app.ts'
import { answerTo, beginRequest, receive } from '../support/raw-client.ts'
import { untilSteady } from '../support/until-steady.ts'

describe('an answer streams through the proxy', () => {
  let site: ProxiedApp
  let browser: Browser
  beforeAll(async () => {
    site = await startProxiedApp()
    browser = await site.signedIn()
  })
  afterAll(async () => {
    await site.close()
  })

  test('the first part arrives while the target is still writing', async () => {
    let upstream: ServerResponse | undefined
    site.upstream.answer((_req, res) => {
      upstream = res
      res.write('first')
    })
    const outgoing = beginRequest(browser, `${site.proxied}/report`).end()

    const answer = await answerTo(outgoing)
    const [first] = (await once(answer, 'data')) as [Buffer]
    expect(first.toString()).toBe('first')
    expect(upstream?.writableEnded).toBe(false)

    upstream?.end(' and last')
    expect(await receive(answer)).toEqual({ text: ' and last', end: 'complete' })
  })

  test('the head arrives before there is any body', async () => {
    let upstream: ServerResponse | undefined
    site.upstream.answer((_req, res) => {
      upstream = res
      res.writeHead(202, { 'x-job': '7' }).flushHeaders()
    })

    const answer = await answerTo(beginRequest(browser, `${site.proxied}/jobs`).end())

    expect(answer.statusCode).toBe(202)
    expect(answer.headers['x-job']).toBe('7')
    upstream?.end()
    expect(await receive(answer)).toEqual({ text: '', end: 'complete' })
  })

  test('each server-sent event arrives by itself', async () => {
    let upstream: ServerResponse | undefined
    site.upstream.answer((_req, res) => {
      upstream = res
      res.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
    })
    const answer = await answerTo(beginRequest(browser, `${site.proxied}/events`).end())
    expect(answer.headers['content-type']).toBe('text/event-stream')

    for (const tick of ['1', '2', '3']) {
      const arrived = once(answer, 'data') as Promise<[Buffer]>
      upstream?.write(`data: ${tick}\n\n`)
      const [event] = await arrived
      expect(event.toString()).toBe(`data: ${tick}\n\n`)
    }
    answer.destroy()
  })

  test('events of a real API arrive as they are sent', async () => {
    const answer = await answerTo(beginRequest(browser, `${site.url}/api/stream?count=3&every=30`).end())

    const { text, end } = await receive(answer)

    expect(end).toBe('complete')
    expect(text.match(/^data: /gm)).toHaveLength(3)
  })

  test('a client that does not read stops the target from writing', async () => {
    const TOTAL = 96 * 1024 * 1024
    const chunk = Buffer.alloc(64 * 1024, 'x')
    let accepted = 0
    let upstream: ServerResponse | undefined
    site.upstream.answer((_req, res) => {
      upstream = res
      const write = (): void => {
        while (accepted < TOTAL) {
          accepted += chunk.length
          if (!res.write(chunk)) return void res.once('drain', write)
        }
        res.end()
      }
      write()
    })
    const answer = await answerTo(beginRequest(browser, `${site.proxied}/dump`).end())
    answer.pause()

    // What fits into the buffers of the kernel and of three processes' worth of streams; then nothing moves.
    await untilSteady(() => accepted)
    expect(upstream?.writableNeedDrain).toBe(true)
    expect(accepted).toBeLessThan(48 * 1024 * 1024)

    let received = 0
    for await (const part of answer as AsyncIterable<Buffer>) received += part.length
    expect(received).toBe(TOTAL)
  })
})
