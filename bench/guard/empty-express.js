import express from 'express'
import { listen } from '../support/contender.js'
import { USER } from '../support/fixtures.js'

const app = express()
app.get('/me', (_req, res) => res.json(USER))
listen(app)
