import express from 'express'
import { createProxyMiddleware } from 'http-proxy-middleware'
import { Agent } from 'node:http'
import { given, listen } from '../support/contender.js'

const app = express()
app.use(
  '/api',
  createProxyMiddleware({ target: given.upstream, changeOrigin: true, agent: new Agent({ keepAlive: true }) }),
)
listen(app)
