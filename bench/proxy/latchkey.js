import express from 'express'
import { given, listen } from '../support/contender.js'
import { startLatchkey } from '../support/latchkey.js'

const app = express()
const auth = startLatchkey()
app.use(auth)
app.use('/api', auth.requireAuth(), auth.proxy(given.upstream))
listen(app)
