import { describe, expect, test } from '@jest/globals'
import type { Request } from 'express'
import { perTenant } from '../../lib/index.ts'
import { exchangeBytes } from '../support/raw-client.ts'
import { severalSites, type SeveralSite, type SeveralSiteOptions } from '../support/several-site.ts'

const startSite = severalSites()

const tenantOf = (req: Request): string | undefined => /^\/t\/([^/?]+)/.exec(req.originalUrl)?.[1]

/** Two tenants, each with a server of its own, as the only provider or as one of several. */
const ways: readonly [string, SeveralSiteOptions['options'], { login: string; key: string }][] = [
  [
    'as the only provider',
    (provider) => ({
      provider: perTenant({
        tenantOf,
        provider: (tenant) => (['contoso', 'fabrikam'].includes(tenant) ? provider(tenant) : undefined),
      }),
    }),
    { login: '/login', key: 'main' },
  ],
  [
    'as one of several',
    (provider) => ({
      providers: {
        hub: perTenant({
          tenantOf,
          provider: (tenant) => (['contoso', 'fabrikam'].includes(tenant) ? provider(tenant) : undefined),
        }),
        work: provider('work'),
      },
      signInWith: ['hub'],
    }),
    { login: '/login/hub', key: 'hub' },
  ],
]

describe.each(ways)('tenants, %s', (_what, options, { login, key }) => {
  const start = (): Promise<SeveralSite> =>
    startSite({
      keys: ['contoso', 'fabrikam', 'work'],
      ...(options && { options }),
      routes(app, auth) {
        app.get('/t/:tenant/data', auth.requireAuth(), (req, res) => void res.json(req.auth.user))
        app.get(
          '/t/:tenant/who',
          (req, res) => void res.json({ is: req.auth.isAuthenticated, sub: req.auth.user?.sub }),
        )
        app.get('/t/:tenant/use', async (req, res) => {
          await req.auth.provider(key).accessToken()
          res.json({ used: true })
        })
      },
    })

  test('a page leads to the sign-in of its tenant, with a callback of its own', async () => {
    const site = await start()
    const browser = await site.signedIn()

    const page = await browser.navigate(`${site.url}/t/contoso/data`)

    expect(page.url.pathname).toBe('/t/contoso/data')
    expect(page.json()).toMatchObject({ sub: 'alice of contoso' })
    const [request] = site.server('contoso').requests('/authorize')
    expect(request?.parameters.get('redirect_uri')).toBe(`${site.url}${login.replace('login', 'callback')}/contoso`)
    expect(site.events).toContainEqual(expect.objectContaining({ type: 'sign-in', provider: `${key}/contoso` }))
    expect(await site.auth.grants.forSubject('alice of contoso', { provider: `${key}/contoso` }).list()).toHaveLength(1)
  })

  test('whoever signed in for one is not signed in for another', async () => {
    const site = await start()
    const browser = await site.signedIn()
    await browser.navigate(`${site.url}/t/contoso/data`)

    expect((await browser.get(`${site.url}/t/contoso/data`)).status).toBe(200)
    expect((await browser.get(`${site.url}/t/fabrikam/data`)).status).toBe(401)
    expect((await browser.get(`${site.url}/t/fabrikam/who`)).json()).toEqual({ is: false })
    expect((await browser.get(`${site.url}/t/fabrikam/use`)).status).toBe(401)
  })

  test('nor where the application reads the path in another way than its router', async () => {
    const site = await start()
    const browser = await site.signedIn()
    await browser.navigate(`${site.url}/t/contoso/data`)

    for (const path of [
      '/T/contoso/data',
      '/t/%63ontoso/data',
      '/t/nobody/data',
      '//t/contoso/data',
      '/t/contoso%2fdata/data',
    ])
      expect({ path, status: (await browser.get(site.url + path)).status }).not.toMatchObject({ status: 200 })
  })

  test('signing in for another tenant is a sign-in, and ends the one before', async () => {
    const site = await start()
    const browser = await site.signedIn()
    await browser.navigate(`${site.url}/t/contoso/data`)

    const page = await browser.navigate(`${site.url}/t/fabrikam/data`)

    expect(page.json()).toMatchObject({ sub: 'alice of fabrikam' })
    expect((await browser.get(`${site.url}/t/contoso/data`)).status).toBe(401)
    expect(await site.auth.grants.forSubject('alice of contoso', { provider: `${key}/contoso` }).list()).toEqual([])
  })

  test("the answer of one tenant's server at the callback of another: nobody is signed in", async () => {
    const site = await start()
    const browser = await site.signedIn()
    const begun = await browser.navigate(`${site.url}${login}/contoso`, { redirectLimit: 0 })
    const asked = await browser.navigate(begun.headers.get('location') ?? '', { redirectLimit: 0 })
    const answer = new URL(asked.headers.get('location') ?? '')
    answer.pathname = answer.pathname.replace('contoso', 'fabrikam')

    const page = await browser.navigate(answer)

    expect(page.status).toBe(400)
    expect(page.text).toContain('ERR_AUTH_TRANSACTION')
    for (const tenant of ['contoso', 'fabrikam']) expect(site.server(tenant).requests('/token')).toEqual([])
    expect((await browser.get(`${site.url}/t/fabrikam/data`)).status).toBe(401)
  })

  test('what is no tenant is told so, without being repeated', async () => {
    const site = await start()
    const browser = await site.signedIn()

    for (const route of [login, login.replace('login', 'callback')]) {
      for (const tenant of ['nobody', 'a'.repeat(65), '__proto__', 'constructor', '<b>', 'contoso%2f', 'n%6fbody']) {
        const page = await browser.navigate(`${site.url}${route}/${tenant}`)
        expect({ tenant, status: page.status }).toEqual({ tenant, status: 400 })
        expect(page.text).toContain('ERR_AUTH_REQUEST')
        expect(page.text).not.toContain(tenant)
      }
      // As no browser would send them.
      for (const tenant of ['..', '.', '%2e%2e', '']) {
        const answer = await exchangeBytes(
          site.url,
          `GET ${route}/${tenant} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
        )
        expect(answer).toMatch(/^HTTP\/1\.1 40[04] /)
      }
    }
    expect((await browser.navigate(`${site.url}${login}/contoso/x`)).status).toBe(404)
  })

  test('tokens of a tenant are refreshed at its server', async () => {
    const site = await start()
    const browser = await site.signedIn()
    await browser.navigate(`${site.url}/t/contoso/data`)
    site.expireAccessTokens()

    expect((await browser.get(`${site.url}/t/contoso/use`)).status).toBe(200)

    expect(site.server('contoso').tokenRequests('refresh_token')).toHaveLength(1)
  })
})
