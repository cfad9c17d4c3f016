import { describe, expect, test } from '@jest/globals'
import type { Request } from 'express'
import { perTenant } from '../../lib/index.ts'
import { CLIENT_ID } from '../support/app.ts'
import { Browser } from '../support/browser.ts'
import { held } from '../support/held.ts'
import { LOGOUT_EVENT } from '../support/logout-tokens.ts'
import { severalSites, type SeveralSite } from '../support/several-site.ts'
import { until } from '../support/until.ts'

const startSite = severalSites()

describe('tenants that anybody can make up', () => {
  test('what is no tenant is not remembered, and the others are up to a bound', async () => {
    const made: string[] = []
    const site = await startSite({
      keys: ['hub'],
      options: (provider) => ({
        provider: perTenant({
          max: 3,
          tenantOf: (req: Request) => req.get('x-tenant'),
          provider(tenant) {
            if (!tenant.startsWith('t')) return undefined
            made.push(tenant)
            return provider('hub')
          },
        }),
      }),
    })
    const browser = await site.signedIn()
    const login = (tenant: string): Promise<unknown> =>
      browser.navigate(`${site.url}/login/${tenant}`, { redirectLimit: 0 })
    await login('t1')
    await login('t2')
    expect(made).toEqual(['t1', 't2'])

    await Promise.all(Array.from({ length: 200 }, (_, index) => login(`x${index}`)))
    await login('t1')
    await login('t2')
    expect(made).toEqual(['t1', 't2'])

    for (const tenant of ['t3', 't4']) await login(tenant)
    await login('t2')
    expect(made).toEqual(['t1', 't2', 't3', 't4'])
    await login('t1')
    expect(made).toEqual(['t1', 't2', 't3', 't4', 't1'])
  })

  describe('with logout tokens for them, of which nobody has signed in', () => {
    const METADATA = '/.well-known/openid-configuration'

    /** Each tenant has a server of its own, which there is none of. */
    async function startFlooded(): Promise<{
      site: SeveralSite
      send: (tenant: string, aud?: string) => Promise<number>
    }> {
      const site = await startSite({
        keys: ['hub'],
        options: (provider) => ({
          provider: perTenant({
            tenantOf: (req: Request) => req.get('x-tenant'),
            provider: (tenant) => provider('hub', { name: tenant }),
          }),
        }),
      })
      site.server('hub').script = { metadataAnswer: (res) => void res.writeHead(404).end() }
      const send = async (tenant: string, aud = CLIENT_ID): Promise<number> => {
        const iat = Math.floor(site.clock.now() / 1_000)
        const claims = { iss: site.server('hub').issuer, aud, iat, exp: iat + 60, jti: tenant, sub: 'alice', events: { [LOGOUT_EVENT]: {} } } // prettier-ignore
        const token = await site.server('hub').sign(claims, { typ: 'logout+jwt' })
        const form = new URLSearchParams({ logout_token: token })
        return (await new Browser().post(`${site.url}/backchannel-logout/${tenant}`, form)).status
      }
      return { site, send }
    }

    test('what is for another client has nothing fetched', async () => {
      const { site, send } = await startFlooded()

      await send('t1', 'another client')

      expect(site.server('hub').requests(METADATA)).toHaveLength(0)
    })

    test('after a failure nothing is fetched for any of them for a while', async () => {
      const { site, send } = await startFlooded()

      for (let index = 0; index < 20; index += 1) expect(await send(`t${index}`)).toBe(400)
      expect(site.server('hub').requests(METADATA)).toHaveLength(1)

      site.clock.advance({ seconds: 6 })
      await send('t1')
      expect(site.server('hub').requests(METADATA)).toHaveLength(2)
    })

    test('nor for many of them at once', async () => {
      const { site, send } = await startFlooded()
      const hold = held()
      site.server('hub').script = { metadataAnswer: (res) => void hold.released.then(() => res.writeHead(404).end()) }

      const all = Promise.all(Array.from({ length: 20 }, async (_, index) => send(`t${index}`)))
      await until(() => site.server('hub').requests(METADATA).length > 0, 'the metadata')
      hold.release()
      await all

      expect(site.server('hub').requests(METADATA).length).toBeLessThanOrEqual(4)
    })
  })

  test('a tenant whose server went out of memory is made again from its name, for a job as well', async () => {
    const site = await startSite({
      keys: ['hub'],
      options: (provider) => ({
        provider: perTenant({
          max: 1,
          tenantOf: (req: Request) => req.get('x-tenant'),
          provider: (tenant) => (tenant.startsWith('t') ? provider('hub') : undefined),
        }),
      }),
    })
    const browser = await site.signedIn()
    await browser.navigate(`${site.url}/login/t1?returnTo=/`)
    await browser.navigate(`${site.url}/login/t2`, { redirectLimit: 0 })
    site.expireAccessTokens()

    const token = await site.auth.grants.forSubject('alice of hub', { provider: 'main/t1' }).accessToken()

    expect(site.server('hub').secrets).toContain(token)
    expect(site.server('hub').tokenRequests('refresh_token')).toHaveLength(1)
  })
})
