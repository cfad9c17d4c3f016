import { createServer, type RequestListener, type Server } from 'node:http'
import express, { type Express } from 'express'
import { startApi, type Api } from '../../example-app/api/start.ts'
import { DEMO_ACCOUNTS } from '../../example-app/authorization-server/accounts.ts'
import { latchkey, type AttachOptions, type AuthEvent, type Latchkey, type LatchkeyOptions } from '../../lib/index.ts'
import { oidc, type OidcOptions } from '../../lib/providers/index.ts'
import type { Provider } from '../../lib/providers/provider.ts'
import { startTestAuthorizationServer, type TestAuthorizationServer } from './authorization-server.ts'
import { Browser } from './browser.ts'
import { TestClock } from './clock.ts'
import { signIn } from './sign-in.ts'

export const SECRET = 'a secret for tests, and for tests alone'
export const CLIENT_ID = 'test-app'
export const CLIENT_SECRET = 'the-client-secret-of-the-test-app'
const API_CLIENT = { clientId: 'test-api', clientSecret: 'the-client-secret-of-the-test-api' }

export interface TestAppOptions {
  accessTokenTtlSeconds?: number
  /** A function makes new ones for each instance. */
  options?: Partial<LatchkeyOptions> | (() => Partial<LatchkeyOptions>)
  provider?: Partial<OidcOptions>
  /** What `oidc()` makes, changed where its options do not reach. */
  adapt?: Partial<Provider>
  /** Before `app.use(auth)`. */
  before?: (app: Express) => void
  /** After the standard routes. */
  routes?: (app: Express, auth: Latchkey) => void
  /** Of the server: see `AuthorizationServerOptions`. */
  resources?: readonly string[]
  /** The server accepts a spent refresh token again for so long; `Infinity`: for ever. Milliseconds, default 0. */
  reuseWithinMs?: number
  /** Upgrades go through the application, of every instance. */
  attach?: AttachOptions
  /** Of all instances that are given none of their own. */
  clock?: TestClock
  /** The host name in the server's issuer. Default 127.0.0.1, as the app; `localhost` makes it another site. */
  issuerHost?: string
}

/** An application with latchkey, a real authorization server and a real API behind its proxy, on ports of their own. */
export interface TestApp {
  readonly url: string
  readonly app: Express
  readonly auth: Latchkey
  /** Of the first instance. */
  readonly server: Server
  readonly authorizationServer: TestAuthorizationServer
  readonly api: Api
  readonly clock: TestClock
  readonly events: AuthEvent[]
  /** Starts one more instance of the application, as another process would run it. @returns its address. */
  another(clock?: TestClock): Promise<string>
  /** A browser with nothing in it. */
  browser(): Browser
  /** A browser in which alice, or somebody else, has signed in. */
  signedIn(login?: string): Promise<Browser>
  close(): Promise<void>
}

export async function startTestApp(given: TestAppOptions = {}): Promise<TestApp> {
  const servers: Server[] = []
  const instances: Latchkey[] = []
  let handler: RequestListener = (_req, res) => void res.writeHead(503).end()
  const url = await listen((req, res) => handler(req, res), servers)

  const authorizationServer = await startTestAuthorizationServer({
    accessTokenTtlSeconds: given.accessTokenTtlSeconds ?? 60,
    clients: [
      {
        clientId: CLIENT_ID,
        clientSecret: CLIENT_SECRET,
        redirectUris: [`${url}/callback`],
        postLogoutRedirectUris: [`${url}/`],
        backchannelLogoutUri: `${url}/backchannel-logout`,
      },
    ],
    resourceServerClient: API_CLIENT,
    ...(given.resources !== undefined && { resources: given.resources }),
    ...(given.reuseWithinMs !== undefined && { reuseWithinMs: given.reuseWithinMs }),
    ...(given.issuerHost !== undefined && { issuerHost: given.issuerHost }),
  })
  const api = await startApi({
    introspectionEndpoint: `${authorizationServer.issuer}/token/introspection`,
    ...API_CLIENT,
  })

  const { clock = new TestClock() } = given
  const events: AuthEvent[] = []
  const build = (runtime: TestClock): { app: Express; auth: Latchkey } => {
    const options = typeof given.options === 'function' ? given.options() : given.options
    const auth = latchkey(
      {
        baseUrl: url,
        provider: adapted(
          oidc({
            issuer: authorizationServer.issuer,
            clientId: CLIENT_ID,
            clientSecret: CLIENT_SECRET,
            scope: 'openid profile email',
            ...given.provider,
          }),
          given.adapt,
        ),
        secret: SECRET,
        onEvent: (event) => events.push(event),
        ...options,
      },
      runtime,
    )
    const app = express()
    given.before?.(app)
    app.use(auth)
    app.get('/', (req, res) => void res.type('html').send(`<h1>${req.auth.isAuthenticated ? 'in' : 'out'}</h1>`))
    app.get('/me', auth.requireAuth(), (req, res) => void res.json(req.auth.user))
    app.get('/grant', auth.requireAuth(), async (req, res) => void res.json(await req.auth.grant()))
    app.use('/api', auth.requireAuth(), auth.proxy(api.url))
    given.routes?.(app, auth)
    app.use(auth.errorHandler)
    instances.push(auth)
    return { app, auth }
  }
  const attach = (auth: Latchkey): void => {
    if (given.attach !== undefined) auth.attach(servers.at(-1) as Server, given.attach)
  }
  const { app, auth } = build(clock)
  handler = app as RequestListener
  attach(auth)

  return {
    url,
    app,
    auth,
    authorizationServer,
    api,
    clock,
    events,
    get server() {
      return servers[0] as Server
    },
    async another(runtime = clock) {
      const instance = build(runtime)
      const address = await listen(instance.app as RequestListener, servers)
      attach(instance.auth)
      return address
    },
    browser: () => new Browser(),
    async signedIn(login = 'alice') {
      const browser = new Browser()
      await signIn(browser, `${url}/me`, {
        login,
        password: DEMO_ACCOUNTS.find((account) => account.login === login)?.password ?? '',
      })
      return browser
    },
    async close() {
      for (const server of servers) server.closeAllConnections()
      const closed = servers.map((server) => new Promise((resolve) => server.close(resolve)))
      await Promise.all(instances.map((instance) => instance.close()))
      await Promise.all(closed)
      await Promise.all([api.close(), authorizationServer.close()])
    },
  }
}

/** The secret is not enumerable, so a copy alone would lose it. */
function adapted(provider: Provider, changes: Partial<Provider> = {}): Provider {
  return Object.defineProperty({ ...provider, ...changes }, 'clientSecret', { value: provider.clientSecret })
}

async function listen(handler: RequestListener, servers: Server[]): Promise<string> {
  const server = createServer(handler)
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`
}
