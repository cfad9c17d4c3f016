// As its documentation starts: the session, tokens included, is an encrypted cookie.
import express from 'express'
import openidConnect from 'express-openid-connect'
import { baseUrl, given, listen } from '../support/contender.js'
import { CLIENT, SECRET } from '../support/fixtures.js'

const { auth, requiresAuth } = openidConnect

const app = express()
app.use(
  auth({
    issuerBaseURL: given.issuer,
    baseURL: baseUrl,
    clientID: CLIENT.clientId,
    clientSecret: CLIENT.clientSecret,
    secret: SECRET,
    authRequired: false,
    authorizationParams: { response_type: 'code', scope: 'openid profile email' },
  }),
)
app.get('/me', requiresAuth(), (req, res) => {
  const { sub, name } = req.oidc.user
  res.json({ sub, name })
})
listen(app)
