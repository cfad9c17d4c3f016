import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Browser } from '../support/browser.ts'
import { startProxiedApp, type ProxiedApp } from '../support/proxied-app.ts'

describe('where the target sends the browser', () => {
  let site: ProxiedApp
  let browser: Browser
  beforeAll(async () => {
    site = await startProxiedApp({
      targetPath: '/v1',
      routes(app, auth, upstream) {
        app.use('/bare', auth.proxy(upstream.url))
        app.all('/whole/:rest', auth.proxy(upstream.url))
      },
    })
    browser = await site.signedIn()
  })
  afterAll(async () => {
    await site.close()
  })

  async function locationOf(path: string, location: string, name = 'location'): Promise<string | null> {
    const given = location.replaceAll('TARGET', site.upstream.url).replaceAll('HOST', new URL(site.upstream.url).host)
    site.upstream.answer((_req, res) => void res.writeHead(302, { [name]: given }).end())
    const answer = await browser.get(site.url + path)
    return answer.headers.get(name)?.replaceAll(site.upstream.url, 'TARGET').replaceAll(site.url, 'PUBLIC') ?? null
  }

  test.each([
    ['/up/a/b', 'TARGET/v1/x', '/up/x'],
    ['/up/a/b', 'TARGET/v1/x?y=1#z', '/up/x?y=1#z'],
    ['/up/a/b', 'TARGET/v1', '/up'],
    ['/up/a/b', 'TARGET/v1/', '/up/'],
    ['/up/a/b', '//HOST/v1/x', '/up/x'],
    ['/up/a/b', '/v1/x', '/up/x'],
    ['/up/a/b', '/v1?x', '/up?x'],
    ['/up/a/b', 'c', '/up/a/c'],
    ['/up/a/b', './c', '/up/a/c'],
    ['/up/a/b', '../c', '/up/c'],
    ['/up/a/b?x', '?y', '/up/a/b?y'],
    ['/up/a/b', '', '/up/a/b'],
    ['/up/a/b', Buffer.from('/v1/caf\u00e9?\u00fc').toString('latin1'), '/up/caf%C3%A9?%C3%BC'],
    ['/up', 'c', '/up/c'],
    ['/bare/a', 'TARGET/x', '/bare/x'],
    ['/bare/a', '/x', '/bare/x'],
    ['/bare', 'TARGET', '/bare/'],
    ['/bare/a', 'TARGET//evil.example/x', '/bare//evil.example/x'],
    ['/whole/a', '/whole/b', '/whole/b'],
  ])('%s, sent to %s: the browser goes to %s', async (path, location, expected) => {
    expect(await locationOf(path, location)).toBe(expected)
    expect(await locationOf(path, location, 'content-location')).toBe(expected)
  })

  test.each([
    ['/up/a', 'https://elsewhere.example/v1/x'],
    ['/up/a', '//elsewhere.example/v1/x'],
    ['/up/a', 'TARGET/v2/x'],
    ['/up/a', 'TARGET/v10'],
    ['/up/a', '/login'],
    ['/up/a', '../../secret'],
    ['/up/a', 'mailto:someone@example.com'],
    ['/up/a', 'http://[broken'],
    ['/up/a', 'TARGET.elsewhere.example/v1/x'],
  ])('%s, sent to %s: that is not behind this proxy, and stays as it is', async (path, location) => {
    expect(await locationOf(path, location)).toBe(location)
  })

  test('a path that a browser would take for another host is given with ours', async () => {
    expect(await locationOf('/whole/a', 'TARGET//evil.example/x')).toBe('PUBLIC//evil.example/x')
    expect(await locationOf('/whole/a', 'TARGET/\\evil.example/x')).toBe('PUBLIC//evil.example/x')
  })
})
