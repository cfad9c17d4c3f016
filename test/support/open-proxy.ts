import express, { type Express } from 'express'
import { latchkey, type AuthEvent, type Latchkey, type ProxyOptions } from '../../lib/index.ts'
import { oidc } from '../../lib/providers/index.ts'
import { startHttpServer, type RunningHttpServer } from '../../example-app/http-server.ts'
import { SECRET } from './app.ts'
import { TestClock } from './clock.ts'

/** An application whose proxies need nobody to be signed in: no session, no token, no authorization server. */
export interface OpenProxy {
  /** Where the first proxy answers, without a trailing slash. */
  readonly url: string
  readonly app: Express
  readonly auth: Latchkey
  readonly server: RunningHttpServer['server']
  readonly clock: TestClock
  readonly events: AuthEvent[]
  /** That came, whether or not they were forwarded. */
  readonly requests: number
  close(): Promise<void>
}

export async function startOpenProxy(
  target: string | readonly string[],
  proxy: ProxyOptions = {},
  before: (app: Express, auth: Latchkey) => void = () => {},
): Promise<OpenProxy> {
  const clock = new TestClock()
  const events: AuthEvent[] = []
  const provider = oidc({ issuer: 'https://id.example', clientId: 'c' })
  const auth = latchkey(
    { baseUrl: 'https://app.example', provider, secret: SECRET, onEvent: (event) => events.push(event) },
    clock,
  )
  const app = express()
  let requests = 0
  app.use((_req, _res, next) => {
    requests += 1
    next()
  })
  before(app, auth)
  app.use('/up', auth.proxy(target, { token: false, ...proxy }))
  const running = await startHttpServer(app)
  return {
    url: `http://127.0.0.1:${running.port}/up`,
    app,
    auth,
    server: running.server,
    clock,
    events,
    get requests() {
      return requests
    },
    async close() {
      await running.close()
      await auth.close()
    },
  }
}
