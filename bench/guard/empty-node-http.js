import { listen } from '../support/contender.js'
import { USER } from '../support/fixtures.js'

listen((_req, res) => {
  const body = JSON.stringify(USER)
  res.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) })
  res.end(body)
})
