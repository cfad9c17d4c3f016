// What the proxies forward to.
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { setInterval as every } from 'node:timers/promises'
import { listen } from './contender.js'
import { bytes } from './bytes.js'

const CHUNK = 65_536
const EVENT_EVERY_MS = 500

/** By name, the answers of `/watched/`. */
const watched = new Map()
const bodies = new Map()

const routes = {
  /** What headers arrived. */
  headers: (req, res) => json(res, 200, req.headers),
  bytes: (_req, res, size) => answer(res, 'application/octet-stream', bodyOf(size)),
  upload,
  watched: watch,
  /** How many bytes of each answer of that name the kernel has taken, and how many of the answers are not over. */
  state: (_req, res, name) =>
    json(
      res,
      200,
      (watched.get(name) ?? []).map(({ sent, isOpen }) => ({ sent, isOpen })),
    ),
  events,
}

const server = listen((req, res) => {
  const [name, ...more] = req.url.slice(1).split('/')
  const route = routes[name]
  if (route === undefined) return json(res, 404, {})
  Promise.resolve(route(req, res, ...more)).catch(() => res.destroy())
})
// Proxies wait their turn for longer than the default of 5 s; what they do about a connection closed meanwhile is not measured here.
server.keepAliveTimeout = 3_600_000

/** Compares while it comes, which costs next to nothing; the hash is for who asks once. */
async function upload(req, res, size) {
  const expected = bodyOf(size)
  const hash = req.headers['bench-hash'] === undefined ? undefined : createHash('sha256')
  let at = 0
  let isSame = true
  for await (const chunk of req) {
    isSame &&= chunk.equals(expected.subarray(at, at + chunk.length))
    hash?.update(chunk)
    at += chunk.length
  }
  json(res, isSame && at === expected.length ? 200 : 422, { sha256: hash?.digest('hex') })
}

/** Goes no faster than the other side takes it. */
async function watch(_req, res, name, size) {
  const entry = { sent: 0, isOpen: true }
  watched.set(name, [...(watched.get(name) ?? []), entry])
  const closed = once(res, 'close').then(() => (entry.isOpen = false))
  const body = bodyOf(size)
  res.writeHead(200, { 'Content-Type': 'application/octet-stream', 'Content-Length': body.length })
  for (let at = 0; at < body.length && entry.isOpen; at += CHUNK) {
    const chunk = body.subarray(at, at + CHUNK)
    const written = new Promise((resolve) => {
      res.write(chunk, (error) => resolve(error ? 0 : chunk.length))
    })
    entry.sent += await Promise.race([written, closed.then(() => 0)])
  }
  res.end()
}

/** The first event at once, then one every half second. The header is what nginx wants to see from an event stream. */
async function events(_req, res) {
  res.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store', 'X-Accel-Buffering': 'no' })
  res.write('data: 0\n\n')
  const gone = new AbortController()
  res.once('close', () => gone.abort())
  let count = 0
  for await (const _ of every(EVENT_EVERY_MS, undefined, { signal: gone.signal })) {
    res.write(`data: ${(count += 1)}\n\n`)
  }
}

function bodyOf(size) {
  if (!bodies.has(size)) bodies.set(size, bytes(Number(size)))
  return bodies.get(size)
}

function json(res, status, content) {
  answer(res, 'application/json', Buffer.from(JSON.stringify(content)), status)
}

function answer(res, type, body, status = 200) {
  res.writeHead(status, { 'Content-Type': type, 'Content-Length': body.length })
  res.end(body)
}
