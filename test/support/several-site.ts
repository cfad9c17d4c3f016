import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach } from '@jest/globals'
import express, { type Express } from 'express'
import { latchkey, type AuthEvent, type Latchkey, type LatchkeyOptions } from '../../lib/index.ts'
import { oidc, type OidcOptions, type Provider } from '../../lib/providers/index.ts'
import { CLIENT_ID, CLIENT_SECRET, SECRET } from './app.ts'
import { Browser, type Answer } from './browser.ts'
import { TestClock } from './clock.ts'
import { ACCESS_TOKEN_SECONDS, ScriptedServer, SUBJECT, type Script } from './scripted-server.ts'

export interface SeveralSiteOptions {
  /** Of the authorization servers. Default `work` and `partner`. */
  keys?: readonly string[]
  /** Default: all servers are `providers`, by their key. */
  options?: (provider: (key: string, options?: Partial<OidcOptions>) => Provider) => Partial<LatchkeyOptions>
  /** Before `app.use(auth)`. */
  before?: (app: Express) => void
  /** After the standard routes. */
  routes?: (app: Express, auth: Latchkey, url: string) => void
}

/** An application with several authorization servers that do as their scripts say. */
export interface SeveralSite {
  readonly url: string
  readonly auth: Latchkey
  readonly clock: TestClock
  readonly events: AuthEvent[]
  /** @param key of the authorization server. */
  server(key: string): ScriptedServer
  /** Starts one more instance, with the same options, as another process would run it. @returns its address. */
  another(): Promise<string>
  /** A browser that has been at the sign-in of these providers, one after the other. */
  signedIn(...keys: readonly string[]): Promise<Browser>
  /** What the application knows of the browser's user. */
  whoami(browser: Browser): Promise<WhoAmI>
  /** Has the application use an access token of the account there. */
  use(browser: Browser, key: string): Promise<Answer>
  expireAccessTokens(): void
  close(): Promise<void>
}

export interface WhoAmI {
  readonly signedInWith?: string
  readonly sub?: string
  /** `sub` at each provider. */
  readonly accounts: Readonly<Record<string, string>>
}

export async function startSeveralSite(given: SeveralSiteOptions = {}): Promise<SeveralSite> {
  const { keys = ['work', 'partner'] } = given
  const servers = new Map(
    await Promise.all(keys.map(async (key): Promise<[string, ScriptedServer]> => [key, await ScriptedServer.start()])),
  )
  for (const [key, server] of servers) server.script = { claims: { sub: `${SUBJECT} of ${key}` } }
  const server = (key: string): ScriptedServer => {
    const found = servers.get(key)
    if (found === undefined) throw new Error(`no server ${key}`)
    return found
  }
  const provider = (key: string, options: Partial<OidcOptions> = {}): Provider =>
    oidc({ issuer: server(key).issuer, clientId: CLIENT_ID, clientSecret: CLIENT_SECRET, ...options })
  const clock = new TestClock()
  const events: AuthEvent[] = []
  const closing: (() => Promise<unknown>)[] = []
  const options = given.options?.(provider) ?? {
    providers: Object.fromEntries(keys.map((key) => [key, provider(key)])),
  }

  function build(baseUrl: string): { auth: Latchkey; app: Express } {
    const auth = latchkey({ baseUrl, secret: SECRET, onEvent: (event) => events.push(event), ...options }, clock)
    const app = express()
    given.before?.(app)
    app.use(auth)
    app.get('/', (_req, res) => void res.type('html').send('<h1>home</h1>'))
    app.get('/me', auth.requireAuth(), (req, res) => void res.json(req.auth.user))
    app.get('/whoami', (req, res) => {
      const configured = Object.keys(options.providers ?? {})
      const accounts: Record<string, string | undefined> = {}
      for (const key of configured) accounts[key] = safely(() => req.auth.provider(key).user?.sub)
      res.json({ signedInWith: req.auth.signedInWith, sub: req.auth.user?.sub, accounts })
    })
    app.get('/use/:key', auth.requireAuth(), async (req, res) => {
      await req.auth.provider(String(req.params['key'])).accessToken()
      res.json({ used: true })
    })
    app.post('/disconnect/:key', auth.requireAuth(), async (req, res) => {
      await req.auth.provider(String(req.params['key'])).disconnect()
      res.json({ done: true })
    })
    given.routes?.(app, auth, baseUrl)
    app.use(auth.errorHandler)
    return { auth, app }
  }

  async function listen(): Promise<{ url: string; serve: (handler: RequestListener) => void }> {
    let handler: RequestListener = (_req, res) => void res.writeHead(503).end()
    const http = createServer((req, res) => handler(req, res))
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
    closing.push(async () => {
      http.closeAllConnections()
      await new Promise((resolve) => http.close(resolve))
    })
    return {
      url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
      serve: (next) => {
        handler = next
      },
    }
  }

  const { url, serve } = await listen()
  const { auth, app } = build(url)
  serve(app as RequestListener)
  closing.push(() => auth.close())

  return {
    url,
    auth,
    clock,
    events,
    server,
    async another() {
      const other = await listen()
      const instance = build(url)
      other.serve(instance.app as RequestListener)
      closing.push(() => instance.auth.close())
      return other.url
    },
    async signedIn(...at) {
      const browser = new Browser()
      for (const key of at) {
        const page = await browser.navigate(`${url}/login/${key}?returnTo=/`)
        if (page.status !== 200 || page.url.pathname !== '/') throw new Error(`${key}: ${page.status} ${page.text}`)
      }
      return browser
    },
    whoami: async (browser) => (await browser.get(`${url}/whoami`)).json() as WhoAmI,
    use: (browser, key) => browser.get(`${url}/use/${key}`),
    expireAccessTokens: () => clock.advance({ seconds: ACCESS_TOKEN_SECONDS + 1 }),
    async close() {
      await Promise.all(closing.map((close) => close()))
      await Promise.all([...servers.values()].map((one) => one.close()))
    },
  }
}

function safely<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch {
    return undefined
  }
}

/** Changes the script of a server, and keeps who it says its end-user is. */
export function amend(server: ScriptedServer, script: Script): void {
  server.script = { ...server.script, ...script }
}

/** For tests that need a site of their own: it is closed after the test, however that ends. Call it where hooks are declared. */
export function severalSites(): (given?: SeveralSiteOptions) => Promise<SeveralSite> {
  const started: SeveralSite[] = []
  afterEach(async () => {
    await Promise.all(started.splice(0).map((site) => site.close()))
  })
  return async (given) => {
    const site = await startSeveralSite(given)
    started.push(site)
    return site
  }
}
