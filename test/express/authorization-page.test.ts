import { describe, expect, test } from '@jest/globals'
import { createHash } from 'node:crypto'
import { scriptedSites } from '../support/scripted-site.ts'

const start = scriptedSites()

describe('an authorization request that is a form', () => {
  test('sends itself, and the sign-in goes on as ever', async () => {
    const site = await start({ provider: { authorizationRequest: 'post' } })
    const browser = site.browser()

    const page = await browser.navigate(`${site.url}/me`)

    expect([page.status, page.url.pathname]).toEqual([200, '/me'])
    const [request] = site.server.requests('/authorize')
    expect(request?.method).toBe('POST')
    expect(request?.parameters.get('response_type')).toBe('code')
  })

  test.each<['post' | 'post-query', boolean]>([
    ['post', true],
    ['post-query', false],
  ])('with %s works without script: its button sends what the script would', async (authorizationRequest, inForm) => {
    const site = await start({ provider: { authorizationRequest } })

    // A script that is not run: this is what the page has.
    const shown = await site.browser().get(`${site.url}/login`, { headers: NAVIGATION })

    expect(shown.status).toBe(200)
    expect(shown.text).toContain('<button class="button">Continue</button>')
    expect(shown.text).toContain('<form method="post" action="')
    expect(shown.text.includes('<input type="hidden" name="state"')).toBe(inForm)
    expect(shown.text.includes('state=')).toBe(!inForm)
    expect(shown.headers.get('cache-control')).toBe('no-store')
    expect(shown.headers.get('referrer-policy')).toBe('strict-origin')
  })

  test('runs its one script and nothing else', async () => {
    const site = await start({ provider: { authorizationRequest: 'post' } })

    const { text, headers } = await site.browser().get(`${site.url}/login`, { headers: NAVIGATION })

    const [, script = ''] = /<script>([^<]*)<\/script>/.exec(text) ?? []
    const [, style = ''] = /<style>([^<]*)<\/style>/.exec(text) ?? []
    const sha256 = (content: string): string => createHash('sha256').update(content).digest('base64')
    expect(headers.get('content-security-policy')).toBe(
      `default-src 'none'; style-src 'sha256-${sha256(style)}'; base-uri 'none'; frame-ancestors 'none'; script-src 'sha256-${sha256(script)}'`, // prettier-ignore
    )
  })

  test('has its values escaped', async () => {
    const hostile = `"><script>alert('x')</script>&amp;`
    const provider = { authorizationRequest: 'post', authorizationParameters: { audience: hostile }, name: '<b>Ours</b>' } as const // prettier-ignore
    const site = await start({ provider })

    const { text } = await site.browser().get(`${site.url}/login`, { headers: NAVIGATION })
    await site.browser().navigate(`${site.url}/me`)

    expect(text).not.toContain('<script>alert')
    expect(text).not.toContain('<b>Ours')
    expect(site.server.requests('/authorize')[0]?.parameters.get('audience')).toBe(hostile)
  })
})

const NAVIGATION = { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document', accept: 'text/html' }
