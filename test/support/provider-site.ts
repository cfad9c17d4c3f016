import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { inspect } from 'node:util'
import { afterEach } from '@jest/globals'
import express, { type Express } from 'express'
import type { SessionData } from 'express-session'
import { headerOf, type Exchange } from '../../example-app/simulators/core/raw-http.ts'
import type { Simulator } from '../../example-app/simulators/core/simulator.ts'
import type { CommonSwitches } from '../../example-app/simulators/core/state.ts'
import { latchkey, memoryGrants, type AuthEvent, type Latchkey, type LatchkeyOptions } from '../../lib/index.ts'
import type { Provider } from '../../lib/providers/index.ts'
import { MemorySessionStore } from '../../lib/session/memory-session-store.ts'
import { SECRET } from './app.ts'
import { Browser, type Answer, type Page, type RequestOptions } from './browser.ts'
import { TestClock } from './clock.ts'

const DAY_MS = 86_400_000

export interface ProviderSiteOptions<Simulated> {
  /** Starts the provider, with the clock of the site. */
  simulator: (now: () => number) => Promise<Simulated>
  /** The one line. @param url of the application. */
  provider: (simulator: Simulated, url: string) => Provider
  /** The redirect URIs that the provider has registered, below the application's URL. Default `/callback`. */
  callbacks?: readonly string[] | undefined
  options?: ((simulator: Simulated, url: string) => Partial<LatchkeyOptions>) | undefined
  /** After the standard routes. */
  routes?: ((app: Express, auth: Latchkey, simulator: Simulated) => void) | undefined
}

/** A request to the provider: where its parameters stood, and how it was labelled. */
export interface Sent {
  readonly method: string
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  readonly contentType: string | undefined
  readonly authorization: string | undefined
  readonly body: Readonly<Record<string, string>>
}

const YEAR_MS = 365 * 24 * 3_600_000

/** An application with one line of configuration, and a simulated provider. */
export interface ProviderSite<Simulated> {
  readonly url: string
  readonly auth: Latchkey
  readonly simulator: Simulated
  readonly clock: TestClock
  readonly events: AuthEvent[]
  /** Every session record that was ever written. */
  readonly written: readonly string[]
  /** One more instance on the same stores, as another process. @returns its address. */
  another(): Promise<string>
  browser(): Browser
  /** Opens the guarded page. */
  signIn(browser: Browser): Promise<Page>
  /** A browser in which that has gone well. */
  signedIn(): Promise<Browser>
  /** Calls the provider's API through the proxy. */
  call(browser: Browser, path: string, options?: RequestOptions): Promise<Answer>
  /** Requests to the provider, oldest first. @param grantType only token requests of this kind. */
  sent(path: string, grantType?: string): readonly Sent[]
  refreshResults(): readonly string[]
  /** All that the provider handed out so far, the client's secret, and what the browser must not see of the sign-ins. */
  secrets(): readonly string[]
  /** All that an application can log: every event with everything in it, causes and hidden properties too. */
  loggable(): string
  /** Where secrets are to be seen: in an event, in what a browser received, in the session of who has signed in. @param more secrets. */
  leaks(browser: Browser, more?: readonly string[]): readonly string[]
  close(): Promise<void>
}

export async function startProviderSite<Simulated extends Simulator<CommonSwitches>>(
  given: ProviderSiteOptions<Simulated>,
): Promise<ProviderSite<Simulated>> {
  const clock = new TestClock()
  const closing: (() => Promise<unknown>)[] = []
  const { url, serve } = await listen(closing)
  const simulator = await given.simulator(() => clock.now())
  simulator.client.redirectUris = (given.callbacks ?? ['/callback']).map((path) => url + path)
  simulator.client.postLogoutRedirectUris = [`${url}/`]

  const events: AuthEvent[] = []
  const store = new RecordingSessionStore(() => clock.now())
  const grants = memoryGrants({ now: () => clock.now(), retentionMs: YEAR_MS })

  function build(): { app: Express; auth: Latchkey } {
    const own = given.options?.(simulator, url)
    const auth = latchkey(
      {
        baseUrl: url,
        ...(own?.provider === undefined &&
          own?.providers === undefined && { provider: given.provider(simulator, url) }),
        secret: SECRET,
        session: { store, cookie: { maxAge: YEAR_MS } }, // months pass in some tests
        grants,
        onEvent: (event) => events.push(event),
        ...own,
      },
      clock,
    )
    closing.push(() => auth.close())
    const app = express()
    app.use(auth)
    app.get('/', (_req, res) => void res.type('html').send('<h1>home</h1>'))
    app.get('/me', auth.requireAuth(), (req, res) => void res.json(req.auth.user))
    app.get('/userinfo', auth.requireAuth(), async (req, res) => void res.json(await req.auth.userInfo()))
    app.get('/grant', auth.requireAuth(), async (req, res) => void res.json(await req.auth.grant()))
    app.get('/page', auth.requireAuth(), async (req, res) => {
      await req.auth.accessToken()
      res.type('html').send('<h1>a page with data</h1>')
    })
    given.routes?.(app, auth, simulator)
    // Tests hold calls while hours pass.
    app.use('/api', auth.requireAuth(), auth.proxy(simulator.apiUrl, { headersTimeoutMs: DAY_MS }))
    app.use(auth.errorHandler)
    return { app, auth }
  }

  const { app, auth } = build()
  serve(app as RequestListener)
  const sent = (path: string, grantType?: string): Sent[] =>
    simulator.log
      .filter((exchange) => exchange.path === path)
      .map(read)
      .filter(({ query, body }) => grantType === undefined || (query['grant_type'] ?? body['grant_type']) === grantType)

  const loggable = (): string => inspect(events, { depth: 20, showHidden: true, maxStringLength: null, maxArrayLength: null }) // prettier-ignore
  function secrets(): readonly string[] {
    const parameters = simulator.log.map(read).flatMap(({ query, body }) => [query, body])
    const named = parameters.flatMap((all) => [all['code_verifier'], all['client_secret']])
    const { accessTokens, refreshTokens } = simulator.issued
    const issued = [...accessTokens, ...refreshTokens].map(({ value }) => value)
    const all = [...named, ...issued, simulator.client.clientSecret]
    return [...new Set(all.filter((one): one is string => one !== undefined && one !== ''))]
  }

  return {
    url,
    auth,
    simulator,
    clock,
    events,
    written: store.written,
    async another() {
      const other = await listen(closing)
      other.serve(build().app as RequestListener)
      return other.url
    },
    browser: () => new Browser(),
    signIn: (browser) => browser.navigate(`${url}/me`),
    async signedIn() {
      const browser = new Browser()
      closing.push(() => browser.close())
      const page = await browser.navigate(`${url}/me`)
      if (page.status !== 200 || page.url.pathname !== '/me') throw new Error(`no sign-in: ${page.status} ${page.text}`)
      return browser
    },
    call: (browser, path, options) => browser.fetch(`${url}/api${path}`, options),
    sent,
    refreshResults: () =>
      events.filter((event): event is AuthEvent & { type: 'refresh' } => event.type === 'refresh').map(({ result }) => result), // prettier-ignore
    secrets,
    loggable,
    leaks(browser, more = []) {
      // Until the code comes, the verifier waits in the session.
      const records = store.written.filter((record) => !record.includes('"codeVerifier"'))
      const places = { event: loggable(), browser: browser.transcript, session: records.join('\n') }
      return [...secrets(), ...more].flatMap((secret) =>
        Object.entries(places).flatMap(([place, text]) => (text.includes(secret) ? [`${place}: ${secret}`] : [])),
      )
    },
    async close() {
      await Promise.all(closing.map((close) => close()))
      await simulator.close()
    },
  }
}

/** For tests with a site each: closed after the test, however that ends. Call it where hooks are declared. */
export function providerSites(): <Simulated extends Simulator<CommonSwitches>>(
  given: ProviderSiteOptions<Simulated>,
) => Promise<ProviderSite<Simulated>> {
  const started: { close(): Promise<void> }[] = []
  afterEach(async () => {
    await Promise.all(started.splice(0).map((site) => site.close()))
  })
  return async (given) => {
    const site = await startProviderSite(given)
    started.push(site)
    return site
  }
}

/** Calls of the API, all at once. @returns the different statuses of their answers. */
export async function herd(
  site: Pick<ProviderSite<unknown>, 'call'>,
  browser: Browser,
  path: string,
  size = 200,
): Promise<readonly number[]> {
  const answers = await Promise.all(Array.from({ length: size }, () => site.call(browser, path)))
  return [...new Set(answers.map(({ status }) => status))]
}

/** Holds requests of one kind back at the provider. @returns lets them go. */
export function hold(simulator: Simulator<CommonSwitches>, endpoint: 'api' | 'token'): () => void {
  let release = (): void => {}
  simulator.faults[endpoint].hold = new Promise((resolve) => {
    release = resolve
  })
  return () => {
    simulator.faults[endpoint].hold = undefined
    release()
  }
}

/**
 * Goes through a sign-in step by step, as far as to the code.
 *
 * @returns brings the code to the application.
 */
export async function withCode(
  site: ProviderSite<Simulator<CommonSwitches>>,
  browser: Browser,
): Promise<() => Promise<Page>> {
  let page = await browser.navigate(`${site.url}/login?returnTo=/me`, { redirectLimit: 0 })
  page = await browser.navigate(page.headers.get('location') ?? '', { redirectLimit: 0 })
  const back = page.headers.get('location') ?? ''
  if (!back.startsWith(site.url)) throw new Error(`no answer of the provider: ${page.status} ${page.text}`)
  return () => browser.navigate(back, { from: site.simulator.url })
}

/** A lease is over by then, and what is in doubt is not yet: a refresh token that can be used again is not waited for. Seconds. */
export const SOON = 13

/** How a token endpoint can fail. The first two have done what they were asked for. */
export const PASSING_FAULTS = ['a 500 page', 'a dropped connection', 'a 429', 'HTML instead of JSON'] as const
export type PassingFault = (typeof PASSING_FAULTS)[number]

/** The next token request fails so. */
export function breakTokenEndpoint(
  { simulator, clock }: ProviderSite<Simulator<CommonSwitches>>,
  fault: PassingFault,
): void {
  if (fault === 'a 500 page') simulator.faults.token.failAnswers = 1
  if (fault === 'a dropped connection') simulator.faults.token.dropAnswers = 1
  const { fetch } = clock
  const instead = (answer: Response): void => {
    clock.fetch = async () => {
      clock.fetch = fetch
      return answer
    }
  }
  if (fault === 'a 429') instead(new Response('slow down', { status: 429, headers: { 'retry-after': '7' } }))
  if (fault === 'HTML instead of JSON') instead(new Response('<h1>Maintenance</h1>', { headers: { 'content-type': 'text/html' } })) // prettier-ignore
}

/**
 * An access token expires, and its refresh fails in passing: callers are asked to come again, and the session goes on.
 *
 * @param afterSeconds they do.
 * @returns how it ends then.
 */
export async function afterPassingFault(
  site: ProviderSite<Simulator<CommonSwitches>>,
  path: string,
  fault: PassingFault,
  afterSeconds = 60,
): Promise<'goes on' | 'goes on later' | 'sign in again'> {
  const browser = await site.signedIn()
  breakTokenEndpoint(site, fault)
  site.clock.advance({ seconds: site.simulator.lifetimes.accessTokenSeconds })
  const first = await site.call(browser, path)
  const retryAfter = Number(first.headers.get('retry-after'))
  if (
    codeOf(first) !== 'ERR_AUTH_UNAVAILABLE' ||
    first.status !== 503 ||
    !(retryAfter >= (fault === 'a 429' ? 7 : 1))
  ) {
    throw new Error(`${first.status} ${first.text}`)
  }
  if ((await browser.get(`${site.url}/me`)).status !== 200) throw new Error('signed out')
  for (let attempt = 1; attempt <= 5; attempt += 1) {
    site.clock.advance({ seconds: attempt === 1 ? afterSeconds : 60 })
    const answer = await site.call(browser, path)
    if (answer.status === 200) return attempt === 1 ? 'goes on' : 'goes on later'
    if (codeOf(answer) === 'ERR_AUTH_REVOKED') return 'sign in again'
  }
  throw new Error('neither the one nor the other')
}

/** In the code of a problem (RFC 9457) or of an error page. */
export function codeOf({ text }: Answer): string | undefined {
  return /ERR_AUTH_[A-Z_]+/.exec(text)?.[0]
}

function read(exchange: Exchange): Sent {
  const { method, path, query, body } = exchange
  return {
    method,
    path,
    query: Object.fromEntries(new URLSearchParams(query)),
    contentType: headerOf(exchange, 'content-type'),
    authorization: headerOf(exchange, 'authorization'),
    body: body.startsWith('{') ? (JSON.parse(body) as Record<string, string>) : Object.fromEntries(new URLSearchParams(body)), // prettier-ignore
  }
}

class RecordingSessionStore extends MemorySessionStore {
  readonly written: string[] = []

  override set(sid: string, session: SessionData, callback?: (error?: unknown) => void): void {
    this.written.push(JSON.stringify(session))
    super.set(sid, session, callback)
  }
}

async function listen(
  closing: (() => Promise<unknown>)[],
): Promise<{ url: string; serve: (handler: RequestListener) => void }> {
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
