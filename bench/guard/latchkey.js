import express from 'express'
import { listen } from '../support/contender.js'
import { startLatchkey } from '../support/latchkey.js'

const app = express()
const auth = startLatchkey()
app.use(auth)
app.get('/me', auth.requireAuth(), (req, res) => {
  const { sub, name } = req.auth.user
  res.json({ sub, name })
})
listen(app)
