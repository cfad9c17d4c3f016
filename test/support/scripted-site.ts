import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach } from '@jest/globals'
import express, { type Express } from 'express'
import { latchkey, type AuthEvent, type Latchkey, type LatchkeyOptions } from '../../lib/index.ts'
import { oidc, type OidcOptions } from '../../lib/providers/index.ts'
import { CLIENT_ID, CLIENT_SECRET, SECRET } from './app.ts'
import { Browser, type Answer, type Page } from './browser.ts'
import { TestClock } from './clock.ts'
import { ACCESS_TOKEN_SECONDS, ScriptedServer } from './scripted-server.ts'

export interface ScriptedSiteOptions {
  options?: Partial<LatchkeyOptions>
  provider?: Partial<OidcOptions>
  /** Before `app.use(auth)`. */
  before?: (app: Express) => void
  /** After the standard routes. */
  routes?: (app: Express, auth: Latchkey) => void
}

/** An application whose authorization server does as its script says. */
export interface ScriptedSite {
  readonly url: string
  readonly auth: Latchkey
  readonly server: ScriptedServer
  readonly clock: TestClock
  readonly events: AuthEvent[]
  /** A browser with nothing in it. */
  browser(): Browser
  /** Opens the guarded page; the server signs anybody in at once. */
  signIn(browser: Browser): Promise<Page>
  /** A browser that is signed in by an honest server, whatever the script. */
  signedIn(): Promise<Browser>
  /** Who is signed in there: the guarded page's answer to a script is 200 or 401. */
  me(browser: Browser): Promise<Answer>
  /** Has the application use an access token. 200, or the error's answer. */
  use(browser: Browser): Promise<Answer>
  expireAccessToken(): void
  close(): Promise<void>
}

export async function startScriptedSite(given: ScriptedSiteOptions = {}): Promise<ScriptedSite> {
  let handler: RequestListener = (_req, res) => void res.writeHead(503).end()
  const http = createServer((req, res) => handler(req, res))
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`

  const server = await ScriptedServer.start()
  const clock = new TestClock()
  const events: AuthEvent[] = []
  const auth = latchkey(
    {
      baseUrl: url,
      provider: oidc({ issuer: server.issuer, clientId: CLIENT_ID, clientSecret: CLIENT_SECRET, ...given.provider }),
      secret: SECRET,
      onEvent: (event) => events.push(event),
      ...given.options,
    },
    clock,
  )
  const app = express()
  given.before?.(app)
  app.use(auth)
  app.get('/', (_req, res) => void res.type('html').send('<h1>home</h1>'))
  app.get('/me', auth.requireAuth(), (req, res) => void res.json(req.auth.user))
  app.get('/use', auth.requireAuth(), async (req, res) => {
    await req.auth.accessToken()
    res.json({ used: true })
  })
  app.get('/userinfo', auth.requireAuth(), async (req, res) => void res.json(await req.auth.userInfo()))
  given.routes?.(app, auth)
  app.use(auth.errorHandler)
  handler = app as RequestListener

  return {
    url,
    auth,
    server,
    clock,
    events,
    browser: () => new Browser(),
    signIn: (browser) => browser.navigate(`${url}/me`),
    async signedIn() {
      const { script } = server
      server.script = {}
      const browser = new Browser()
      const page = await browser.navigate(`${url}/me`)
      if (page.status !== 200) throw new Error(`the honest sign-in ended with ${page.status}`)
      server.script = script
      return browser
    },
    me: (browser) => browser.get(`${url}/me`),
    use: (browser) => browser.get(`${url}/use`),
    expireAccessToken: () => clock.advance({ seconds: ACCESS_TOKEN_SECONDS + 1 }),
    async close() {
      http.closeAllConnections()
      await new Promise((resolve) => http.close(resolve))
      await auth.close()
      await server.close()
    },
  }
}

/** For tests that need a site of their own: it is closed after the test, however that ends. Call it where hooks are declared. */
export function scriptedSites(): (given?: ScriptedSiteOptions) => Promise<ScriptedSite> {
  const started: ScriptedSite[] = []
  afterEach(async () => {
    await Promise.all(started.splice(0).map((site) => site.close()))
  })
  return async (given) => {
    const site = await startScriptedSite(given)
    started.push(site)
    return site
  }
}
