// With a session store, so that several processes share it, and the refresh as its documentation shows it.
import openidConnect from 'express-openid-connect'
import { given } from '../support/contender.js'
import { SECRET } from '../support/fixtures.js'
import { redisStore } from '../support/redis-sessions.js'
import { baseUrl, countVisit, newApp, SCOPE, serve } from './app.js'

const { auth, requiresAuth } = openidConnect

const app = newApp()
app.use(
  auth({
    issuerBaseURL: given.issuer,
    baseURL: baseUrl,
    clientID: given.client.clientId,
    clientSecret: given.client.clientSecret,
    secret: SECRET,
    authRequired: false,
    authorizationParams: { response_type: 'code', scope: SCOPE },
    session: { store: redisStore() },
  }),
)
app.use(['/token', '/write'], requiresAuth())
serve(app, {
  async read(req) {
    let { accessToken } = req.oidc
    if (accessToken.isExpired()) accessToken = await accessToken.refresh()
    return { sub: req.oidc.user.sub, token: accessToken.access_token }
  },
  write: (req) => countVisit(req.appSession),
})
