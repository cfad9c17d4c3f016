import express from 'express'
import { given } from '../support/contender.js'
import { serve, startLatchkey } from '../support/latchkey.js'

const app = express()
const auth = startLatchkey()
app.use(auth)
app.use('/api', auth.requireAuth(), auth.proxy(given.upstream))
serve(auth, app)
