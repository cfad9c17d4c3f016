import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { TLSSocket } from 'node:tls'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AuthError, type ProxyOptions } from '../../lib/index.ts'
import { startOpenProxy, type OpenProxy } from '../support/open-proxy.ts'
import { CA, CLIENT, SERVER, startTlsUpstream, type TlsUpstream } from '../support/tls-upstream.ts'

describe('an https target', () => {
  let upstream: TlsUpstream
  let mutual: TlsUpstream
  const sites: OpenProxy[] = []
  beforeAll(async () => {
    upstream = await startTlsUpstream((req, res) => {
      res.end(`${req.headers.host} ${(req.socket as TLSSocket & { servername?: string }).servername}`)
    })
    mutual = await startTlsUpstream(
      (req, res) => void res.end((req.socket as TLSSocket).getPeerCertificate().subject.CN),
      {
        requestCert: true,
        rejectUnauthorized: true,
        ca: CA,
      },
    )
  })
  afterAll(async () => {
    await Promise.all(sites.map((site) => site.close()))
    await Promise.all([upstream.close(), mutual.close()])
  })

  async function ask(
    target: string,
    options: ProxyOptions,
  ): Promise<{ status: number; text: string; causes: unknown[] }> {
    const site = await startOpenProxy(target, options)
    sites.push(site)
    const answer = await fetch(`${site.url}/x`)
    const causes = site.events.map((event) =>
      event.type === 'error' ? (event.error.cause as { code?: string }).code : '',
    )
    return { status: answer.status, text: await answer.text(), causes }
  }

  test('whose authority the application names is trusted', async () => {
    expect(await ask(upstream.url, { tls: { ca: CA } })).toMatchObject({ status: 200 })
  })

  test('whose authority nobody named is not', async () => {
    const { status, text, causes } = await ask(upstream.url, {})

    expect([status, causes]).toEqual([502, ['UNABLE_TO_VERIFY_LEAF_SIGNATURE']])
    expect(text).not.toMatch(/127\.0\.0\.1|certificate|VERIFY/)
  })

  test('is not trusted because the environment says that all are', async () => {
    const before = process.env['NODE_TLS_REJECT_UNAUTHORIZED']
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0'
    try {
      expect((await ask(upstream.url, {})).status).toBe(502)
    } finally {
      if (before === undefined) delete process.env['NODE_TLS_REJECT_UNAUTHORIZED']
      else process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = before
    }
  })

  test('with a certificate for another name is not the target', async () => {
    const { status, causes } = await ask(upstream.url, { tls: { ca: CA, servername: 'other.example' } })

    expect([status, causes]).toEqual([502, ['ERR_TLS_CERT_ALTNAME_INVALID']])
  })

  test('is asked for by the name that the application says, and told its own in Host', async () => {
    const { text } = await ask(upstream.url, { tls: { ca: CA, servername: 'target.example' } })

    expect(text).toBe(`127.0.0.1:${upstream.port} target.example`)
  })

  test('that wants a certificate of its client gets the one of the application', async () => {
    expect(await ask(mutual.url, { tls: { ca: CA, ...CLIENT } })).toMatchObject({ status: 200, text: 'client' })
    expect((await ask(mutual.url, { tls: { ca: CA } })).status).toBe(502)
  })

  test.each<[string, unknown, RegExp]>([
    ['turns verification off', { rejectUnauthorized: false }, /"tls\.rejectUnauthorized" is unknown/],
    ['is no certificate', { cert: 'hush-hush', key: CLIENT.key }, /"tls" cannot be used \(ERR_/],
    ['has a key to another certificate', { cert: CLIENT.cert, key: SERVER.key }, /"tls" cannot be used \(ERR_/],
    ['is no object', 'hush-hush', /"tls" must be/],
  ])('"tls" that %s is refused at construction', async (_what, tls, message) => {
    const making = startOpenProxy('https://target.example', { tls: tls as never })

    await expect(making).rejects.toThrow(AuthError)
    await expect(making).rejects.toThrow(message)
    await expect(making).rejects.not.toThrow(/hush/)
  })

  test('"tls" without an https: target is refused at construction', async () => {
    await expect(startOpenProxy('http://127.0.0.1:1', { tls: { ca: CA } })).rejects.toThrow(/"tls" is for https/)
  })
})

describe('a target on a unix socket', () => {
  let folder: string
  let server: Server
  let site: OpenProxy
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'latchkey-socket-'))
    server = createServer((req, res) => void res.end(`${req.headers.host} ${req.url}`))
    await new Promise<void>((resolve) => server.listen(join(folder, 'api'), resolve))
    // It is on this machine, whatever it is called.
    site = await startOpenProxy('http://api.internal/v1', { socketPath: join(folder, 'api') })
  })
  afterAll(async () => {
    await site.close()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    await rm(folder, { recursive: true })
  })

  test('gets the name and the path of its URL', async () => {
    expect(await (await fetch(`${site.url}/orders?n=1`)).text()).toBe('api.internal /v1/orders?n=1')
  })

  test('that is not there is 502', async () => {
    const nowhere = await startOpenProxy('http://api.internal', { socketPath: join(folder, 'none') })

    expect((await fetch(`${nowhere.url}/x`)).status).toBe(502)
    expect(nowhere.events).toMatchObject([{ type: 'error', error: { cause: { code: 'ENOENT' } } }])
    await nowhere.close()
  })

  test('cannot be several', async () => {
    const making = startOpenProxy(['http://a.example', 'http://b.example'], { socketPath: join(folder, 'api') })

    await expect(making).rejects.toThrow(/"socketPath" is for one target/)
  })
})
