// The session, tokens included, is an encrypted cookie, as by default; its access token goes along.
import express from 'express'
import openidConnect from 'express-openid-connect'
import { createProxyMiddleware } from 'http-proxy-middleware'
import { Agent } from 'node:http'
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
app.use(
  '/api',
  requiresAuth(),
  createProxyMiddleware({
    target: given.upstream,
    changeOrigin: true,
    agent: new Agent({ keepAlive: true }),
    on: {
      proxyReq(proxyReq, req) {
        const { token_type: type, access_token: token } = req.oidc.accessToken
        proxyReq.setHeader('authorization', `${type} ${token}`)
        proxyReq.removeHeader('cookie')
      },
    },
  }),
)
listen(app)
