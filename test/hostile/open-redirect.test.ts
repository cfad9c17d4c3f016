import { request } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Page } from '../support/browser.ts'
import { startScriptedSite, type ScriptedSite } from '../support/scripted-site.ts'

/** What makes a browser, or a careless check, take the rest for a host. */
const LEADS = [
  '//', '///', '////', '/////', '/\\', '/\\\\', '\\\\', '\\/', '\\', '/\\/', '//\\', '/\t/', '/\n/', '/\r/', '/\r\n/', '/\t\\', '\t//', '\n//', ' //', '/ /', '  /\\',
  '/.//', '/./', '/./\\', '/..//', '/../', '/a/..//', '/a/../..//', '/a/b/../..//', '/a/../\\', '/%2e//', '/%2e%2e//', '/a/%2e%2e//', '/a/.%2E//', '/.%2f/',
  '/%2f', '/%2f%2f', '%2f%2f', '/%5c', '/%5c%5c', '/%09/', '/%0a/', '/%0d%0a/', '/%00/', '/%252f%252f', '/%u2215', '/%c0%af',
  'http:', 'https:', 'http:/', 'https:/', 'http://', 'https://', 'https:///', 'https:\\\\', 'https:/\\', 'HTTPS://', 'hTtPs:', 'ht\ntps://', 'h\tttps:', 'https\u0000://', 'https:%2f%2f',
  '\u0000//', '/\u0000/', '\u0001//', '/\u007f/', '/\u0085/', '/\u00a0/', '/\u1680/', '/\u2028/', '/\u2029/', '/\u200b/', '/\u2060/', '\ufeff//', '/\ufeff/', '/\u00ad/',
  '\uff0f\uff0f', '/\uff0f', '/\uff3c', '\u2044\u2044', '/\u2044', '/\u2215', '/\u29f8', '/\u2571', '\u3002\u3002//', '/\u3002//', '/\uff0e\uff0e//',
  ';//', '?//', '#//', '/;//', '/?//', '/#//', '@', '/@', '//@', '//a@', '/\\@', '.', '..', './/', '..//', '*', '&//', '=//', '+//', '~//',
] // prettier-ignore

const HOSTS = ['evil.example', '127.0.0.1@evil.example/%2f..']

const WHOLE = [
  'javascript:alert(1)', 'JaVaScRiPt:alert(1)', 'java\nscript:alert(1)', 'javascript://127.0.0.1/%0aalert(1)', '/javascript:alert(1)', 'data:text/html,<script>alert(1)</script>',
  'data:;base64,PHNjcmlwdD4=', 'vbscript:msgbox(1)', 'file:///etc/passwd', 'blob:https://evil.example/1', 'ftp://evil.example', 'ws://evil.example', 'mailto:a@evil.example', 'about:blank',
  'view-source:https://evil.example', 'intent://evil.example#Intent;end', 'x', '', ' ', '/ ', 'null', 'undefined', '[object Object]', '__proto__', 'constructor', '.evil.example',
  '//2130706433', '//0x7f000001', '//017700000001', '//[::1]', '//[::ffff:127.0.0.1]', '//localhost', '//127.1', '///[::1]/', '//\u24d4vil.example', '//xn--evl-sna.example', '//evil%00.example', '//evil%2eexample',
  '/\u202e//evil.example', '/"><script>alert(1)</script>', "/'onmouseover='alert(1)", '/\r\nSet-Cookie: a=b', '/%0d%0aSet-Cookie:%20a=b', '/%0d%0a%0d%0a<h1>', '//http://evil.example', '/http://evil.example', '/https:/evil.example',
  `//${'a'.repeat(3_000)}.example`, `/${'a/'.repeat(3_500)}`, `/${'../'.repeat(500)}/evil.example`, `/${'\t'.repeat(500)}/evil.example`, '//here.invalid', '//here.invalid//evil.example', 'http://here.invalid/', 'http://here.invalid//evil.example',
] // prettier-ignore

const PAYLOADS = [...new Set([...LEADS.flatMap((lead) => HOSTS.map((host) => lead + host)), ...WHOLE])].map(
  (payload) => ({
    shown: JSON.stringify(payload.length > 60 ? `${payload.slice(0, 60)}…` : payload).replaceAll('%', '%%'),
    payload,
  }),
)

/** Where a browser that got this answer would be next. */
function nextOrigin(answer: { headers: Headers }, base: string): string {
  return new URL(answer.headers.get('location') ?? '', base).origin
}

function hasControl(text: string): boolean {
  return text.split('').some((char) => char < ' ' || char === '\u007f')
}

/** A path that means the same to every reader, whichever way it treats slashes, backslashes and control characters. */
const PLAIN_PATH = /^\/(?![/\\])[\x21-\x5b\x5d-\x7e]*$/

describe('open redirection (RFC 9700 §4.11)', () => {
  let site: ScriptedSite
  beforeAll(async () => {
    site = await startScriptedSite({
      routes: (app, auth) => {
        app.get('/go', async (req, res) => {
          await req.auth.login({ returnTo: new URL(req.originalUrl, site.url).searchParams.get('to') ?? '' })
          res.end()
        })
        app.use(auth.requireAuth())
      },
    })
  })
  afterAll(async () => {
    await site.close()
  })

  test('there are enough shapes', () => {
    expect(PAYLOADS.length).toBeGreaterThan(250)
  })

  test.each(PAYLOADS.filter(({ payload }) => hasControl(payload)))(
    '/login?returnTo=$shown is refused',
    async ({ payload }) => {
      const answer = await site.browser().navigate(`${site.url}/login?returnTo=${encodeURIComponent(payload)}`)

      expect(answer.status).toBe(400)
      expect(answer.headers.has('location')).toBe(false)
    },
  )

  test.each(PAYLOADS.filter(({ payload }) => !hasControl(payload)))(
    '/login?returnTo=$shown stays here, also when the answer is replayed or resumed',
    async ({ payload }) => {
      const browser = site.browser()
      const begun = await browser.navigate(`${site.url}/login?returnTo=${encodeURIComponent(payload)}`, {
        redirectLimit: 0,
      })
      const location = begun.headers.get('location') ?? ''
      expect(new URL(location).origin).toBe(site.server.issuer)

      const state = new URL(location).searchParams.get('state') ?? ''
      const answered = await browser.navigate(location, { redirectLimit: 0 })
      const callback = answered.headers.get('location') ?? ''
      const ends = [
        await browser.navigate(callback, { redirectLimit: 0 }),
        await browser.navigate(callback, { redirectLimit: 0 }),
        await browser.navigate(`${site.url}/login?resume=${state}`, { redirectLimit: 0 }),
      ]

      expect(ends.map(({ status }) => status)).toEqual([303, 303, 303])
      for (const end of ends) {
        expect(end.headers.get('location')).toMatch(PLAIN_PATH)
        expect(nextOrigin(end, callback)).toBe(site.url)
        expect(end.setCookie.join()).not.toContain('a=b')
      }
      await browser.close()
    },
  )

  test('req.auth.login({ returnTo }) takes none of them either', async () => {
    const browser = site.browser()
    const ends: Page[] = []

    for (const { payload } of PAYLOADS) {
      const begun = await browser.navigate(`${site.url}/go?to=${encodeURIComponent(payload)}`, { redirectLimit: 0 })
      const answered = await browser.navigate(begun.headers.get('location') ?? '', { redirectLimit: 0 })
      ends.push(await browser.navigate(answered.headers.get('location') ?? '', { redirectLimit: 0 }))
    }

    expect(ends.map((end) => nextOrigin(end, site.url))).toEqual(PAYLOADS.map(() => site.url))
    await browser.close()
  }, 60_000)

  test.each([
    '//evil.example/', '//evil.example/a?b', '/\\evil.example', '///evil.example', '/.//evil.example', '/a/..//evil.example', '/%2f%2fevil.example',
    'http://evil.example/x', 'https://evil.example//a', '/%0d%0aset-cookie:a=b', '/me//evil.example',
  ])('a guarded page asked for as %j leads back here', async (target) => {
    const location = await rawLocation(site.url, target)
    const login = new URL(location, site.url)

    expect(login.origin).toBe(site.url)
    expect(login.pathname).toBe('/login')
    expect(login.searchParams.get('returnTo')).toMatch(PLAIN_PATH)
    expect(new URL(login.searchParams.get('returnTo') ?? '', site.url).origin).toBe(site.url)
  }) // prettier-ignore

  test.each([
    ['/me', '/me'],
    ['/me?tab=2&q=a%20b', '/me?tab=2&q=a%20b'],
    ['/me?next=https://other.example/', '/me?next=https://other.example/'],
    ['/me#part', '/me#part'],
    ['/caf\u00e9', '/caf%C3%A9'],
    ['/a/./b/../c', '/a/c'],
    ['/login', '/'],
    ['/logout?a=b', '/'],
    ['/callback?code=a&state=b', '/'],
  ])('%s leads to %s', async (returnTo, expected) => {
    const browser = site.browser()

    const page = await browser.navigate(`${site.url}/login?returnTo=${encodeURIComponent(returnTo)}`)

    expect(page.hops.map(({ url }) => url)).toContain(site.url + expected)
  })
})

/** Sends a request line that no browser would. */
function rawLocation(base: string, path: string): Promise<string> {
  const { hostname, port } = new URL(base)
  return new Promise((resolve, reject) => {
    request({ hostname, port, path, headers: { accept: 'text/html' } }, (res) => {
      res.resume()
      resolve(res.headers.location ?? '')
    })
      .on('error', reject)
      .end()
  })
}
