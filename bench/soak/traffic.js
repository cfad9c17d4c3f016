// What the users of the soak do, and what they must get for it.
import assert from 'node:assert/strict'
import { createHash, randomBytes, randomInt, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { Agent, request } from 'undici'
import { WebSocket } from 'ws'
import { bytes } from '../support/bytes.js'
import { signIn } from '../support/browser.js'

const SAME_ORIGIN = { 'sec-fetch-site': 'same-origin' }
const PASSING = new Set([502, 503, 504])

/** By weight. */
const ACTIONS = [
  [40, 'json'],
  [15, 'echo'],
  [5, 'upload'],
  [8, 'download'],
  [5, 'leaveDownload'],
  [3, 'leaveUpload'],
  [3, 'leaveSlow'],
  [5, 'events'],
  [5, 'webSocket'],
  [5, 'write'],
  [3, 'stranger'],
  [2, 'signOutAndIn'],
]

/** An answer that was not to be, of a kind that a fault explains. */
class Passing extends Error {}

export class User {
  /** @readonly */ #origin
  /** @readonly */ #ledger
  /** @readonly */ #agent = new Agent({ pipelining: 1 })
  #cookie
  sub

  /** @param ledger counts what happened, and what should not have. */
  constructor(origin, ledger) {
    this.#origin = origin
    this.#ledger = ledger
  }

  async signIn() {
    this.#cookie = await signIn(this.#origin)
    const { status, text } = await this.#get('/me')
    if (PASSING.has(status)) throw new Passing(`status ${status} after the sign-in`)
    assert.equal(status, 200, 'nobody is signed in after the sign-in')
    this.sub = JSON.parse(text).sub
  }

  /** Goes on until the time is over. */
  async live(until) {
    while (Date.now() < until) {
      const name = choose()
      const begun = Date.now()
      try {
        await this.#actions[name]()
        this.#ledger.count(name)
      } catch (error) {
        this.#ledger.failed(name, error, begun, Date.now())
        await sleep(100)
      }
      await sleep(randomInt(20))
    }
    await this.#agent.close()
  }

  /** @readonly */ #actions = {
    json: async () => {
      const { status, text } = await this.#get('/api/json')
      demandOk(status)
      assert.equal(JSON.parse(text).pad.length, 1_000)
    },
    echo: async () => {
      const body = randomBytes(randomInt(1, 65_000))
      this.#demandEcho(await this.#send('/api/echo', body), body)
    },
    upload: async () => {
      const body = randomBytes(1_000_000)
      const chunks = Array.from({ length: 10 }, (_, n) => body.subarray(n * 100_000, (n + 1) * 100_000))
      this.#demandEcho(await this.#send('/api/echo', Readable.from(chunks)), body)
    },
    download: async () => {
      const { statusCode, body } = await this.#request('/api/bytes/1000000')
      const got = Buffer.from(await body.arrayBuffer())
      demandOk(statusCode)
      assert.equal(sha256(got), sha256(bytes(1_000_000)), 'a body was changed on its way')
    },
    leaveDownload: async () => {
      const { statusCode, body } = await this.#request('/api/bytes/20000000')
      demandOk(statusCode, body)
      for await (const _ of body) break
      body.on('error', () => {}).destroy()
    },
    leaveUpload: async () => {
      const leaving = new AbortController()
      const body = async function* () {
        yield randomBytes(100_000)
        await sleep(30)
        leaving.abort()
        await sleep(1_000, undefined, { ref: false })
        yield randomBytes(100_000)
      }
      const options = { method: 'POST', body: Readable.from(body()).on('error', () => {}), signal: leaving.signal }
      await this.#request('/api/echo', options).then(({ body: answer }) => answer.dump(), leftOnPurpose)
    },
    leaveSlow: async () => {
      const signal = AbortSignal.timeout(randomInt(20, 300))
      await this.#request('/api/slow', { signal }).then(({ body }) => body.dump(), leftOnPurpose)
    },
    events: async () => {
      const { statusCode, body } = await this.#request('/api/events', { headers: { accept: 'text/event-stream' } })
      demandOk(statusCode, body)
      const count = randomInt(2, 20)
      let text = ''
      for await (const chunk of body.setEncoding('utf8')) {
        text += chunk
        if (text.split('\n\n').length > count) break
      }
      body.on('error', () => {}).destroy()
      const numbers = text.split('\n\n').slice(0, count).map((line) => Number(line.slice('data: '.length))) // prettier-ignore
      if (numbers.length < count) throw new Passing('an event stream was cut')
      assert.deepEqual(numbers, [...numbers.keys()], 'events are missing')
    },
    webSocket: async () => {
      const headers = { ...this.#headers(), origin: this.#origin }
      const socket = new WebSocket(`${this.#origin.replace('http', 'ws')}/api/socket`, { headers })
      try {
        await opened(socket)
        const closed = once(socket, 'close').then(([code]) => {
          throw new Passing(`a web socket was closed with ${code}`)
        })
        closed.catch(() => {})
        for (let n = randomInt(2, 20); n > 0; n -= 1) {
          const sent = randomBytes(randomInt(1, 3_000)).toString('hex')
          const message = new Promise((resolve) => socket.once('message', resolve))
          socket.send(sent)
          const late = sleep(5_000, undefined, { ref: false }).then(() => assert.fail('a web socket does not answer'))
          late.catch(() => {})
          const data = await Promise.race([message, closed, late])
          assert.equal(data.toString(), sent)
          await sleep(randomInt(50))
        }
      } finally {
        socket.on('error', () => {})
        socket.close()
      }
    },
    write: async () => demandOk((await this.#get('/write')).status),
    stranger: async () => {
      const { statusCode, body } = await request(`${this.#origin}/api/json`, { dispatcher: this.#agent })
      await body.dump()
      if (PASSING.has(statusCode)) throw new Passing(`status ${statusCode}`)
      assert.equal(statusCode, 401, 'a stranger was let in')
    },
    signOutAndIn: async () => {
      const begun = Date.now()
      // Who is told that it has failed may be signed out all the same.
      try {
        await this.#signOut()
      } catch (error) {
        this.#ledger.failed('signOut', error, begun, Date.now())
      }
      for (;;) {
        try {
          return await this.signIn()
        } catch (error) {
          this.#ledger.failed('signIn', error instanceof assert.AssertionError ? error : new Passing(error.message), Date.now(), Date.now()) // prettier-ignore
          await sleep(300)
        }
      }
    },
  }

  async #signOut() {
    const { statusCode, body } = await this.#request('/logout', { method: 'POST' })
    await body.dump()
    if (PASSING.has(statusCode)) throw new Passing(`status ${statusCode} at the sign-out`)
    assert.ok(statusCode < 400, `the sign-out was answered with ${statusCode}`)
    const after = await this.#get('/me')
    if (PASSING.has(after.status)) throw new Passing(`status ${after.status}`)
    assert.equal(after.status, 401, 'still signed in after the sign-out')
  }

  #headers() {
    const id = randomUUID()
    this.#ledger.expects(id, this.sub)
    return { cookie: this.#cookie, 'x-request-id': id, ...SAME_ORIGIN }
  }

  async #request(path, { headers, ...options } = {}) {
    try {
      return await request(this.#origin + path, {
        ...options,
        headers: { ...this.#headers(), ...headers },
        dispatcher: this.#agent,
        headersTimeout: 40_000,
      })
    } catch (error) {
      if (options.signal?.aborted) throw error
      throw new Passing(`no answer: ${error.code ?? error.message}`)
    }
  }

  async #get(path) {
    const { statusCode: status, body } = await this.#request(path)
    return { status, text: await textOf(body) }
  }

  async #send(path, body) {
    const { statusCode: status, body: answer } = await this.#request(path, { method: 'POST', body })
    return { status, text: await textOf(answer) }
  }

  #demandEcho({ status, text }, sent) {
    demandOk(status)
    assert.equal(text, sha256(sent), 'a body was changed on its way')
  }
}

function demandOk(status, body) {
  if (status === 200) return
  body?.on('error', () => {}).destroy()
  if (PASSING.has(status)) throw new Passing(`status ${status}`)
  assert.equal(status, 200)
}

async function textOf(body) {
  try {
    return await body.text()
  } catch (error) {
    throw new Passing(`an answer was cut: ${error.code ?? error.message}`)
  }
}

function opened(socket) {
  return new Promise((resolve, reject) => {
    socket.once('open', resolve)
    socket.once('unexpected-response', (_request, { statusCode }) => {
      reject(PASSING.has(statusCode) ? new Passing(`status ${statusCode}`) : new assert.AssertionError({ message: `a web socket got status ${statusCode}` })) // prettier-ignore
    })
    socket.once('error', (error) => reject(new Passing(`no web socket: ${error.message}`)))
  })
}

function leftOnPurpose(error) {
  if (error instanceof Passing) throw error
}

export function isPassing(error) {
  // What cuts a body in the middle of reading it comes from undici.
  return error instanceof Passing || error.code?.startsWith('UND_ERR') === true || error.code === 'ECONNRESET'
}

function choose() {
  let left = randomInt(ACTIONS.reduce((sum, [weight]) => sum + weight, 0))
  return ACTIONS.find(([weight]) => (left -= weight) < 0)[1]
}

function sha256(body) {
  return createHash('sha256').update(body).digest('hex')
}
