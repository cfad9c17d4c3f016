// The usual recipe: the token is in the session, the session in Redis, and a guard stands before the proxy.
import express from 'express'
import { createProxyMiddleware } from 'http-proxy-middleware'
import { Agent } from 'node:http'
import { given, listen } from '../support/contender.js'
import { USER } from '../support/fixtures.js'
import { redisSession } from '../support/redis-sessions.js'

const app = express()
app.use(redisSession())
app.get('/login', (req, res) => {
  req.session.user = USER
  req.session.accessToken = 'rVv9yNOq7mDg8H2mXk1vQp3sTf5uWa6bYc4dZe0fGh1' // as long as one of oidc-provider
  res.redirect('/')
})
app.use(
  '/api',
  (req, res, next) => {
    if (req.session.user === undefined) return res.status(401).json({ error: 'sign in first' })
    next()
  },
  createProxyMiddleware({
    target: given.upstream,
    changeOrigin: true,
    agent: new Agent({ keepAlive: true }),
    on: {
      proxyReq(proxyReq, req) {
        proxyReq.setHeader('authorization', `Bearer ${req.session.accessToken}`)
        proxyReq.removeHeader('cookie')
      },
    },
  }),
)
listen(app)
