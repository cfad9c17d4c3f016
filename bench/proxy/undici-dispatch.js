// What is left of a proxy when nothing is decided, checked or taken out: undici behind Express, on the same server as latchkey.
import express from 'express'
import { Pool } from 'undici'
import { createServer } from '../../dist/server.js'
import { given, open } from '../support/contender.js'

const pool = new Pool(given.upstream, { connections: 256, pipelining: 1 })

class Answer {
  /** @readonly */ #res
  #first

  constructor(res) {
    this.#res = res
  }

  onConnect() {}

  onHeaders(status, raw, resume) {
    this.#res.on('drain', resume)
    this.#res.writeHead(
      status,
      raw.map((bytes) => bytes.latin1Slice()),
    )
    return true
  }

  onData(chunk) {
    if (this.#first === undefined) {
      this.#first = chunk
      return true
    }
    if (this.#first !== null) this.#res.write(this.#first)
    this.#first = null
    return this.#res.write(chunk)
  }

  onComplete() {
    if (this.#first) this.#res.end(this.#first)
    else this.#res.end()
  }

  onError() {
    this.#res.destroy()
  }
}

const app = express()
app.use('/api', (req, res) => {
  const headers = req.rawHeaders.filter((_, at, all) => !/^(?:host|connection)$/i.test(all[at - (at % 2)]))
  const body = req.headers['content-length'] === undefined ? null : req
  pool.dispatch({ path: req.url, method: req.method, headers, body }, new Answer(res))
})
open(createServer(app, {}))
