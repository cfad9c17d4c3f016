import express from 'express'
import { serve, startLatchkey } from '../support/latchkey.js'

const app = express()
const auth = startLatchkey()
app.use(auth)
app.get('/me', auth.requireAuth(), (req, res) => {
  const { sub, name } = req.auth.user
  res.json({ sub, name })
})
serve(auth, app)
