// What all contenders of the herd have in common: an Express application whose handlers hand out the access token of whoever asks.
import express from 'express'
import { given, listen } from '../support/contender.js'

export const SCOPE = 'openid profile email offline_access'

/** Where the authorization server sends users back to: always the first of the contender's processes. */
export const baseUrl = given.baseUrl

export function newApp() {
  const app = express()
  // Before all else: opens connections, and costs no session.
  app.get('/ping', (_req, res) => res.end())
  return app
}

/** @param routes `read` hands out the token; `write` changes the session as well. `errors` answers what they throw. */
export function serve(app, { read, write, errors = answerError }) {
  app.get('/token', async (req, res) => res.json(await read(req)))
  app.get('/write', async (req, res) => {
    write(req)
    res.json(await read(req))
  })
  app.use(errors)
  // The bench pauses between two bursts for longer than the default.
  listen(app).keepAliveTimeout = 3_600_000
}

export function countVisit(session) {
  session.visits = (session.visits ?? 0) + 1
}

function answerError(error, _req, res, _next) {
  res.status(error.status ?? 500).json({ error: error.message })
}
