import { createServer, type RequestListener } from 'node:http'
import { AuthError, type AuthEvent, type LatchkeyOptions, type Runtime } from '../../lib/index.ts'
import { oidc, type OidcOptions } from '../../lib/providers/index.ts'
import { CLIENT_ID, CLIENT_SECRET, SECRET } from './app.ts'
import { startTestAuthorizationServer, type TestAuthorizationServer } from './authorization-server.ts'
import { Browser } from './browser.ts'
import { TestClock } from './clock.ts'
import { signIn } from './sign-in.ts'

/** What an application is built from, besides the test's own choices. */
export interface Ingredients {
  readonly url: string
  /** Good ones, for an instance at `path`; a test changes what it is about. */
  readonly options: (path?: string, provider?: Partial<OidcOptions>) => LatchkeyOptions
  readonly runtime: Runtime
}

export interface MountedApp {
  readonly url: string
  readonly authorizationServer: TestAuthorizationServer
  readonly clock: TestClock
  readonly events: AuthEvent[]
  /** The last failure that the instance told of. */
  lastError(): AuthError | undefined
  /** A browser in which alice has signed in, by way of the given page. */
  signedIn(path: string): Promise<Browser>
  close(): Promise<void>
}

/** As `startTestApp`, for tests in which the application itself is put together in another way. */
export async function startMountedApp(
  paths: readonly string[],
  build: (ingredients: Ingredients) => RequestListener,
): Promise<MountedApp> {
  let handler: RequestListener = (_req, res) => void res.writeHead(503).end()
  const server = createServer((req, res) => handler(req, res))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const url = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`

  const authorizationServer = await startTestAuthorizationServer({
    accessTokenTtlSeconds: 60,
    clients: [
      {
        clientId: CLIENT_ID,
        clientSecret: CLIENT_SECRET,
        redirectUris: paths.map((path) => `${url}${path}/callback`),
        postLogoutRedirectUris: [`${url}/`],
      },
    ],
  })
  const clock = new TestClock()
  const events: AuthEvent[] = []
  handler = build({
    url,
    runtime: clock,
    options: (path = '', provider = {}) => ({
      baseUrl: url + path,
      provider: oidc({
        issuer: authorizationServer.issuer,
        clientId: CLIENT_ID,
        clientSecret: CLIENT_SECRET,
        scope: 'openid profile email',
        ...provider,
      }),
      secret: SECRET,
      onEvent: (event) => events.push(event),
    }),
  })

  return {
    url,
    authorizationServer,
    clock,
    events,
    lastError() {
      const told = events.findLast((event) => event.type === 'error')
      return told?.error instanceof AuthError ? told.error : undefined
    },
    async signedIn(path) {
      const browser = new Browser()
      await signIn(browser, url + path)
      return browser
    },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await authorizationServer.close()
    },
  }
}
