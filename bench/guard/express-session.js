// The least a guarded route can do with a session in Redis: read it, and look whether somebody is signed in.
import express from 'express'
import { listen } from '../support/contender.js'
import { USER } from '../support/fixtures.js'
import { redisSession } from '../support/redis-sessions.js'

const app = express()
app.use(redisSession())
app.get('/login', (req, res) => {
  req.session.user = USER
  res.redirect('/')
})
app.get('/me', (req, res) => {
  if (req.session.user === undefined) return res.status(401).json({ error: 'sign in first' })
  const { sub, name } = req.session.user
  res.json({ sub, name })
})
listen(app)
