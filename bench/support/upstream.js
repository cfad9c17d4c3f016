// What the proxies forward to: bodies of any size, and /headers, which tells what headers arrived.
import { listen } from './contender.js'
import { bytes } from './bytes.js'

const bodies = new Map()

const server = listen((req, res) => {
  if (req.url === '/headers') return answer(res, 'application/json', Buffer.from(JSON.stringify(req.headers)))
  const size = Number(req.url.slice('/bytes/'.length))
  if (!bodies.has(size)) bodies.set(size, bytes(size))
  answer(res, 'application/octet-stream', bodies.get(size))
})
// Proxies wait their turn for longer than the default of 5 s; what they do about a connection closed meanwhile is not measured here.
server.keepAliveTimeout = 3_600_000

function answer(res, type, body) {
  res.writeHead(200, { 'Content-Type': type, 'Content-Length': body.length })
  res.end(body)
}
