import express, { type ErrorRequestHandler, type Express, type RequestHandler } from 'express'
import { fileURLToPath } from 'node:url'
import type { Latchkey } from 'latchkey'

import { accountAt } from './accounts.ts'
import type { Html } from './html.ts'
import { explorerPage } from './pages/explorer.ts'
import { homePage } from './pages/home.ts'
import { errorPage, notFoundPage } from './pages/error.ts'
import { profilePage } from './pages/profile.ts'
import { providerRoutes } from './provider-routes.ts'
import { OWN, type OfferedProvider } from './providers.ts'
import { sameOriginOnly } from './same-origin.ts'
import { securityHeaders } from './security-headers.ts'
import { describeSession } from './session.ts'
import type { Settings } from './settings.ts'
import { endOthers, signInsOf } from './sign-ins.ts'

export interface AppSettings extends Pick<Settings, 'apiUrl' | 'trustProxy'> {
  /** Where people sign in, if that is one place. */
  readonly providerName: string
  /** The providers of the demo; none when the app was started with one of somebody else. */
  readonly offered: readonly OfferedProvider[]
}

export function createApp({ apiUrl, trustProxy, providerName, offered }: AppSettings, auth: Latchkey): Express {
  const isDemo = offered.length > 0
  const hasApi = apiUrl !== undefined
  const app = express().disable('x-powered-by').set('trust proxy', trustProxy)

  // Before `auth`: neither a probe nor a style sheet needs a session.
  app.get('/healthz', (_req, res) => void res.json({ status: 'ok' }))
  app.get('/readyz', async function readyz(_req, res) {
    const health = await auth.health()
    res.status(health.status === 'ok' ? 200 : 503).json(health)
  })
  app.use(securityHeaders)
  app.use('/assets', express.static(folder('browser/')), express.static(folder('../public/')))

  app.use(auth) // session, /login, /callback, /logout, req.auth
  app.use(noStore)

  app.get('/', (req, res) => {
    const accounts = offered.map((one) => accountAt(one, req))
    send(res, homePage({ user: req.auth.user, providerName: nameOf(req.auth.signedInWith), hasApi, accounts }))
  })
  app.get('/profile', auth.requireAuth(), async (req, res) => {
    const used = offered.find(({ key }) => key === req.auth.signedInWith)
    send(
      res,
      profilePage({
        user: req.auth.user,
        providerName: nameOf(req.auth.signedInWith),
        call: used?.call ?? (hasApi ? { method: 'GET', path: '/me' } : undefined),
        callsAt: used === undefined ? '/api' : `/apis/${used.key}`,
        accounts: offered.map((one) => accountAt(one, req)),
        signIns: await signInsOf(req, auth),
      }),
    )
  })
  app.post('/sign-ins/end-others', auth.requireAuth(), sameOriginOnly, endOthers(auth))
  app.get('/me', auth.requireAuth(), (req, res) => void res.json(req.auth.user))
  app.get('/session', describeSession)

  // With several providers, the API is called with the tokens of the one that it belongs to.
  const ofApi = isDemo ? { provider: OWN } : {}
  app.get('/explorer', auth.requireAuth(ofApi), (req, res) => {
    const session = isDemo ? `/providers/${OWN}/session` : '/session'
    send(res, explorerPage({ user: req.auth.user, hasApi, session }))
  })
  app.use('/api', auth.requireAuth(ofApi), hasApi ? auth.proxy(apiUrl, ofApi) : noApi)
  app.use(providerRoutes(offered, auth))

  app.use((req, res) => send(res.status(404), notFoundPage({ user: req.auth.user })))
  app.use(auth.errorHandler)
  app.use(answerUnexpected)
  return app

  function nameOf(key: string | undefined): string {
    return offered.find((one) => one.key === key)?.provider.name ?? providerName
  }
}

/** Beside this file once it is compiled. */
function folder(path: string): string {
  return fileURLToPath(new URL(path, import.meta.url))
}

/** What says who is signed in must not show up after sign-out, by the back button or from a shared cache. */
const noStore: RequestHandler = (_req, res, next) => {
  res.set('Cache-Control', 'no-store')
  next()
}

const noApi: RequestHandler = (_req, res) => {
  res.status(404).type('application/problem+json')
  res.send(JSON.stringify({ title: 'Not Found', status: 404, detail: 'This app was started without API_URL.' }))
}

/** Express itself would show the stack trace to whoever asked. */
const answerUnexpected: ErrorRequestHandler = (error: unknown, _req, res, next) => {
  if (res.headersSent) return next(error)
  const status = error instanceof Error && 'status' in error ? Number(error.status) : 500
  if (status >= 400 && status < 500) return send(res.status(status), errorPage(status))
  console.error(error)
  return send(res.status(500), errorPage(500))
}

function send(res: express.Response, page: Html): void {
  res.type('html').send(page.toString())
}
