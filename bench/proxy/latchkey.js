// Nobody is signed in, and no token goes along.
import express from 'express'
import { given } from '../support/contender.js'
import { serve, startLatchkey } from '../support/latchkey.js'

const app = express()
const auth = startLatchkey()
app.use('/api', auth.proxy(given.upstream, { token: false }))
serve(auth, app)
