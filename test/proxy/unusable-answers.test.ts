import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { gzipSync } from 'node:zlib'
import { startOpenProxy, type OpenProxy } from '../support/open-proxy.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'

const NOT_ASKED = ['HTTP/1.1 100 Continue', '', 'HTTP/1.1 200 OK', 'Content-Length: 4', '', 'fine'].join('\r\n')

describe('an answer that cannot be passed on as it is', () => {
  let upstream: Upstream
  let site: OpenProxy
  beforeAll(async () => {
    upstream = await startUpstream()
    site = await startOpenProxy(upstream.url)
  })
  afterAll(async () => {
    await site.close()
    await upstream.close()
  })

  // RFC 9110 §15.2 has it understood; undici does not.
  test('is 502 after a 100 Continue that nobody asked for, and the next request has a connection of its own', async () => {
    upstream.answer((req) => void req.socket.write(NOT_ASKED))
    const before = upstream.connections

    const answer = await fetch(site.url, { method: 'POST', body: 'x', headers: { 'x-requested-with': 'test' } })
    expect([answer.status, await answer.json()]).toMatchObject([502, { code: 'ERR_AUTH_UPSTREAM' }])

    upstream.answer((_req, res) => void res.end('fine'))
    expect(await (await fetch(site.url)).text()).toBe('fine')
    expect(upstream.connections - before).toBe(2)
  })

  /** @param coding of `body`, which is sent as one chunk. */
  function answerCoded(coding: string, body: Buffer): void {
    upstream.answer(({ socket }) => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: ${coding}\r\n\r\n`)
      socket.end(Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from('\r\n0\r\n\r\n')]))
    })
  }

  // RFC 9112 §6.1: what is still coded is not the content.
  test.each([
    'gzip, chunked',
    'gzip\r\nTransfer-Encoding: chunked',
    'gzip, chunked\r\nConnection: transfer-encoding',
    'chunked, chunked',
  ])('is 502 in a transfer coding that is not taken off: %j', async (coding) => {
    answerCoded(coding, gzipSync('fine'))

    const answer = await fetch(site.url)

    expect([answer.status, await answer.json()]).toMatchObject([502, { code: 'ERR_AUTH_UPSTREAM' }])
  })

  test.each(['chunked\r\nConnection: transfer-encoding', ' Chunked '])('is none in one that is: %j', async (coding) => {
    answerCoded(coding, Buffer.from('fine'))

    const answer = await fetch(site.url)

    expect([answer.status, await answer.text()]).toEqual([200, 'fine'])
  })
})
