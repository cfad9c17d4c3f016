// The resource server: says which token came with which request, and answers in every way there is.
import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocketServer } from 'ws'
import { bytes } from '../support/bytes.js'

const { port } = JSON.parse(process.env.BENCH)
const bodies = new Map()

const routes = {
  json: (req, res) => res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ ok: true, pad: 'x'.repeat(1_000) })), // prettier-ignore
  async echo(req, res) {
    const hash = createHash('sha256')
    for await (const chunk of req) hash.update(chunk)
    res.end(hash.digest('hex'))
  },
  bytes(req, res, size) {
    if (!bodies.has(size)) bodies.set(size, bytes(Number(size)))
    res.end(bodies.get(size))
  },
  async events(req, res) {
    res.writeHead(200, { 'content-type': 'text/event-stream' })
    for (let n = 0; !res.destroyed; n += 1) {
      res.write(`data: ${n}\n\n`)
      await sleep(50)
    }
  },
  async slow(req, res) {
    await sleep(2_000)
    res.end('slow')
  },
}

const server = createServer((req, res) => {
  note(req)
  const [, route, argument] = req.url.split('/')
  void Promise.resolve(routes[route](req, res, argument)).catch(() => res.destroy())
})
const sockets = new WebSocketServer({ server })
sockets.on('connection', (socket, req) => {
  note(req)
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
  socket.on('error', () => {})
})
server.listen(port, '127.0.0.1')

function note(req) {
  const { authorization, cookie } = req.headers
  process.send({ id: req.headers['x-request-id'], authorization, cookie, at: Date.now() })
}

process.on('SIGTERM', () => process.exit(0))
