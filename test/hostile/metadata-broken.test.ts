import { describe, expect, test } from '@jest/globals'
import { json, redirectTo, type Answer } from '../support/scripted-server.ts'
import { scriptedSites } from '../support/scripted-site.ts'

const startSite = scriptedSites()

describe('a metadata document that no honest server publishes', () => {
  test.each<[string, Record<string, unknown>, number]>([
    ['of another issuer', { issuer: 'https://evil.example' }, 502],
    ['without an issuer', { issuer: undefined }, 503],
    ['without an authorization endpoint', { authorization_endpoint: undefined }, 502],
    ['with an authorization endpoint that is no URL', { authorization_endpoint: 'login' }, 502],
    ['with an authorization endpoint that is a script', { authorization_endpoint: 'javascript:alert(1)' }, 502],
    ['without a token endpoint', { token_endpoint: undefined }, 502],
    ['with a token endpoint over plain http', { token_endpoint: 'http://id.example/token' }, 502],
    ['with keys at no URL', { jwks_uri: 'keys' }, 502],
  ])('%s: an error page, nothing is signed in, and it recovers when it is right', async (_what, metadata, status) => {
    const fresh = await startSite()
    fresh.server.script = { metadata }
    const browser = fresh.browser()

    const page = await fresh.signIn(browser)

    expect(page.url.pathname).toBe('/login')
    expect(page.status).toBe(status)
    expect(page.text).toContain('ERR_AUTH_')

    fresh.server.script = {}
    expect((await fresh.signIn(browser)).status).toBe(200)
  })

  test('without keys: an error page at the callback, and nothing is signed in', async () => {
    const fresh = await startSite()
    fresh.server.script = { metadata: { jwks_uri: undefined } }
    const browser = fresh.browser()

    const page = await fresh.signIn(browser)

    expect(page.status).toBe(502)
    expect(page.text).toContain('ERR_AUTH_MISCONFIGURED')
    expect((await fresh.me(browser)).status).toBe(401)
  })

  test.each<[string, Answer]>([
    ['a web page', (res) => res.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Welcome</h1>')],
    ['empty', json('')],
    ['a list', json('[]')],
    ['cut off', (res) => void res.socket?.destroy()],
    ['endless', json(`{"issuer":"${'a'.repeat(2_000_000)}"}`)],
    ['500', json('', 500)],
  ])('%s: 503 with Retry-After, and it recovers by itself', async (_what, metadataAnswer) => {
    const fresh = await startSite()
    fresh.server.script = { metadataAnswer }
    const browser = fresh.browser()

    const page = await fresh.signIn(browser)

    expect(page.status).toBe(503)
    expect(page.headers.get('retry-after')).toMatch(/^[1-9]\d*$/)

    fresh.server.script = {}
    expect((await fresh.signIn(browser)).status).toBe(200)
  })

  test('a redirect: not followed, said to be a mistake, and it recovers by itself', async () => {
    const fresh = await startSite()
    fresh.server.script = { metadataAnswer: redirectTo('https://evil.example/.well-known/openid-configuration') }
    const browser = fresh.browser()

    const page = await fresh.signIn(browser)

    expect(page.status).toBe(502)
    expect(page.text).toContain('ERR_AUTH_MISCONFIGURED')

    fresh.server.script = {}
    expect((await fresh.signIn(browser)).status).toBe(200)
  })
})
