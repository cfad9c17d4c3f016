import { Router, type Request, type Response } from 'express'
import type { Latchkey } from 'latchkey'

import { accountAt } from './accounts.ts'
import { providerPage } from './pages/provider.ts'
import { wireList } from './pages/wire.ts'
import type { OfferedProvider } from './providers.ts'
import { sameOriginOnly } from './same-origin.ts'
import { describeGrant } from './session.ts'
import { DOCUMENTED } from './wire/documented.ts'
import { shownExchanges } from './wire/wire.ts'
import type { Html } from './html.ts'

/** The page of each provider, what that page asks for, and the provider's API. */
export function providerRoutes(offered: readonly OfferedProvider[], auth: Latchkey): Router {
  const router = Router()
  for (const one of offered) addRoutes(router, one, auth)
  return router
}

function addRoutes(router: Router, offered: OfferedProvider, auth: Latchkey): void {
  const { key, apiUrl, call, server } = offered
  const page = `/providers/${key}`
  const connected = auth.requireAuth({ provider: key })

  router.get(page, (req, res) => {
    // What went over the wire is nobody's business who is not signed in.
    const wire = req.auth.isAuthenticated ? wireOf(offered) : undefined
    res
      .type('html')
      .send(providerPage({ user: req.auth.user, account: accountAt(offered, req), call, wire }).toString())
  })
  router.get(`${page}/wire`, auth.requireAuth(), (_req, res) => void res.type('html').send(wireOf(offered).toString()))

  router.get(`${page}/session`, async function describeAccount(req: Request, res: Response) {
    const account = req.auth.provider(key)
    res.json({
      ...(await describeGrant(account.isConnected ? account : undefined)),
      refreshesAsked: server.refreshes(),
    })
  })
  router.post(`${page}/expire`, connected, sameOriginOnly, (_req, res) => {
    server.expireAccessTokens()
    res.status(204).end()
  })
  router.post(`${page}/disconnect`, connected, sameOriginOnly, async function disconnect(req: Request, res: Response) {
    await req.auth.provider(key).disconnect()
    res.redirect(303, page)
  })

  router.use(`/apis/${key}`, connected, auth.proxy(apiUrl, { provider: key }))
}

function wireOf({ key, server }: OfferedProvider): Html {
  return wireList(shownExchanges(server.log), DOCUMENTED[key] ?? [])
}
