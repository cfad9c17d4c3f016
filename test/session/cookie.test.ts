import { describe, expect, test } from '@jest/globals'
import express, { type Express } from 'express'
import session from 'express-session'
import { latchkey, memoryGrants, type LatchkeyOptions } from '../../lib/index.ts'
import { Browser, type Page } from '../support/browser.ts'
import { startMountedApp, type MountedApp } from '../support/mounted-app.ts'
import { passInteractions, signIn } from '../support/sign-in.ts'

const HTTPS = { baseUrl: 'https://app.example' }
const OVER_TLS = { 'x-forwarded-proto': 'https' }

interface Arrangement {
  readonly options?: Partial<LatchkeyOptions>
  readonly configure?: (app: Express) => void
}

async function using(
  { options: more, configure }: Arrangement,
  use: (site: MountedApp) => Promise<void>,
): Promise<void> {
  // prettier-ignore
  const site = await startMountedApp([''], ({ options, runtime }) => {
    const app = express()
    configure?.(app)
    const auth = latchkey({ ...options(), ...more }, runtime)
    app.use(auth)
    app.get('/', (_req, res) => void res.send('home'))
    app.get('/me', auth.requireAuth(), (req, res) => void res.json(req.auth.user))
    return app
  })
  try {
    await use(site)
  } finally {
    await site.close()
  }
}

const beginSignIn = (site: MountedApp, headers: Record<string, string> = {}): Promise<Page> =>
  new Browser().navigate(`${site.url}/login`, { redirectLimit: 0, headers })

function attributesOf(page: Page): string[] {
  expect(page.setCookie).toHaveLength(1)
  return (page.setCookie[0] ?? '').split('; ').map((part, index) => (index === 0 ? (part.split('=')[0] ?? '') : part)).toSorted() // prettier-ignore
}

describe('the session cookie', () => {
  test('on http is HttpOnly, SameSite=Lax, for the whole site', async () => {
    await using({}, async (site) => {
      expect(attributesOf(await beginSignIn(site))).toEqual(['HttpOnly', 'Path=/', 'SameSite=Lax', 'latchkey'])
    })
  })

  test('on https is also Secure and bound to the host', async () => {
    await using({ options: HTTPS, configure: (app) => void app.set('trust proxy', 1) }, async (site) => {
      const page = await beginSignIn(site, OVER_TLS)

      expect(attributesOf(page)).toEqual(['HttpOnly', 'Path=/', 'SameSite=Lax', 'Secure', '__Host-latchkey'])
      const redirectUri = new URL(page.headers.get('location') ?? '').searchParams.get('redirect_uri')
      expect(redirectUri).toBe('https://app.example/callback')
    })
  })

  test('is not bound to the host where a domain or a path says otherwise', async () => {
    const configure = (app: Express): void => void app.set('trust proxy', 1)
    await using({ options: { ...HTTPS, session: { cookie: { domain: 'app.example' } } }, configure }, async (site) => {
      expect(attributesOf(await beginSignIn(site, OVER_TLS))).toContain('latchkey')
    })
    await using(
      { options: { ...HTTPS, session: { name: 'mine', cookie: { maxAge: 60_000 } } }, configure },
      async (site) => {
        expect(attributesOf(await beginSignIn(site, OVER_TLS))).toContain('mine')
      },
    )
  })

  test('has the name of the instance in its own, so that two that are mounted apart do not share it', async () => {
    await using({ options: { name: 'admin' } }, async (site) => {
      expect(attributesOf(await beginSignIn(site))).toContain('latchkey-admin')
    })
  })

  test('is not set for a visitor who does nothing', async () => {
    await using({}, async (site) => {
      const browser = new Browser()

      expect((await browser.navigate(site.url)).setCookie).toEqual([])
      expect((await browser.get(`${site.url}/me`)).setCookie).toEqual([])
      expect((await browser.navigate(`${site.url}/me`, { redirectLimit: 0 })).setCookie).toEqual([])
    })
  })

  test('has another value after the sign-in, and the old one is worth nothing', async () => {
    await using({}, async (site) => {
      const browser = new Browser()
      await browser.navigate(`${site.url}/login`, { redirectLimit: 0 })
      const before = browser.cookieHeader(site.url)
      await signIn(browser, `${site.url}/me`)

      expect(browser.cookieHeader(site.url)).not.toBe(before)
      expect((await browser.get(`${site.url}/me`, { headers: { cookie: before } })).status).toBe(401)
    })
  })

  test('is taken away at sign-out from where it was set', async () => {
    await using({ options: { session: { cookie: { path: '/', domain: '127.0.0.1' } } } }, async (site) => {
      const browser = await site.signedIn('/me')

      const answer = await browser.navigate(`${site.url}/logout`, { method: 'POST', from: site.url, redirectLimit: 0 })

      expect(answer.setCookie.join()).toMatch(/latchkey=;.*Domain=127\.0\.0\.1/)
    })
  })

  test('is taken away at sign-out', async () => {
    await using({}, async (site) => {
      const browser = await site.signedIn('/me')
      const old = browser.cookieHeader(site.url)

      await browser.navigate(`${site.url}/logout`, { method: 'POST', form: {}, from: site.url, redirectLimit: 0 })

      expect(browser.cookieHeader(site.url)).not.toContain('latchkey')
      expect((await browser.get(`${site.url}/me`, { headers: { cookie: old } })).status).toBe(401)
    })
  })
})

describe('TLS that ends in front of the application', () => {
  test.each([
    ['without "trust proxy"', OVER_TLS, () => {}],
    ['where the proxy does not say so', {}, (app: Express) => void app.set('trust proxy', 1)],
  ])('%s: no sign-in begins, and the remedy is named', async (_what, headers, configure) => {
    await using({ options: HTTPS, configure }, async (site) => {
      const page = await beginSignIn(site, headers)

      expect(page.status).toBe(500)
      expect(page.setCookie).toEqual([])
      expect(site.lastError()).toMatchObject({ code: 'ERR_AUTH_SETUP' })
      expect(site.lastError()?.message).toMatch(/X-Forwarded-Proto.*app\.set\('trust proxy', 1\)/)
    })
  })

  test('may be trusted by express-session alone', async () => {
    await using({ options: { ...HTTPS, session: { proxy: true } } }, async (site) => {
      expect(attributesOf(await beginSignIn(site, OVER_TLS))).toContain('Secure')
    })
  })

  test('a Secure cookie on a site that is http is a mistake, and said to be one', async () => {
    await using({ options: { session: { cookie: { secure: true } } } }, async (site) => {
      expect((await beginSignIn(site)).status).toBe(500)
      expect(site.lastError()?.message).toMatch(/"baseUrl" is http:/)
    })
  })
})

describe('secrets that change', () => {
  const OLD = 'the old secret, of thirty-two bytes and more'
  const NEW = 'the new secret, of thirty-two bytes and more'

  /** One application whose secrets can be exchanged while its sessions and grants stay. */
  async function withSecrets(
    use: (site: MountedApp, change: (secret: string | string[]) => void) => Promise<void>,
  ): Promise<void> {
    // prettier-ignore
    const kept = { session: { store: new session.MemoryStore() }, grants: memoryGrants() }
    let change: (secret: string | string[]) => void = () => {}
    const site = await startMountedApp([''], ({ options, runtime }) => {
      let app = express()
      change = (secret) => {
        app = express()
        const auth = latchkey({ ...options(), ...kept, secret }, runtime)
        app.use(auth)
        app.get('/me', auth.requireAuth(), (req, res) => void res.json(req.auth.user))
      }
      return (req, res) => void app(req, res)
    })
    try {
      await use(site, change)
    } finally {
      await site.close()
    }
  }

  test('a list accepts what the older ones signed, and signs with the first', async () => {
    await withSecrets(async (site, change) => {
      change(OLD)
      const early = await site.signedIn('/me')
      change([NEW, OLD])
      const late = await site.signedIn('/me')

      expect((await early.get(`${site.url}/me`)).status).toBe(200)
      expect((await late.get(`${site.url}/me`)).status).toBe(200)

      change(NEW)
      expect((await early.get(`${site.url}/me`)).status).toBe(401)
      expect((await late.get(`${site.url}/me`)).status).toBe(200)
    })
  })

  test('a sign-in that was under way when they changed is completed', async () => {
    await withSecrets(async (site, change) => {
      change(OLD)
      const browser = new Browser()
      const page = await browser.navigate(`${site.url}/me`)
      change([NEW, OLD])

      expect((await passInteractions(browser, page)).json()).toMatchObject({ sub: 'alice' })
    })
  })
})
