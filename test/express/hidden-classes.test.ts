import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { Request, RequestHandler, Response } from 'express'
import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { runInThisContext } from 'node:vm'
import express from 'express'
import { latchkey, type Latchkey } from '../../lib/index.ts'
import { oidc } from '../../lib/providers/index.ts'
import { SECRET } from '../support/app.ts'

setFlagsFromString('--allow-natives-syntax')
const isAlike = runInThisContext('(one, other) => %HaveSameMap(one, other)') as (one: object, other: object) => boolean
const isFast = runInThisContext('(one) => %HasFastProperties(one)') as (one: object) => boolean

/** V8 is quick with objects that share a hidden class; Express, up to Node 23, gives each request and response one of its own. */
describe('requests and responses behind the middleware', () => {
  let auth: Latchkey
  let server: Server | undefined
  const arrived: [Request, Response][] = []
  let alike: boolean[]
  let belongTogether: boolean | undefined
  beforeEach(() => {
    alike = [false, false]
    belongTogether = undefined
    auth = latchkey({
      baseUrl: 'https://app.example',
      provider: oidc({ issuer: 'https://id.example', clientId: 'c' }),
      secret: SECRET,
    })
  })
  afterEach(async () => {
    server?.closeAllConnections()
    await auth.close()
  })

  /** Answers two at once: what is compared must have come equally far. */
  const wait: RequestHandler = (req, res) => {
    arrived.push([req, res])
    if (arrived.length < 2) return
    const [[req1, res1], [req2, res2]] = arrived as [[Request, Response], [Request, Response]]
    alike = [isAlike(req1, req2), isAlike(res1, res2)]
    belongTogether = req1.res === res1 && res1.req === req1
    for (const [, each] of arrived.splice(0)) each.end()
  }

  /** V8 keeps such hidden classes in 64 places, by chance: of one application in 64 the request and the response put each other out. */
  async function serve(makeApp: () => RequestListener): Promise<void> {
    for (let applications = 0; applications < 3 && !alike.every(Boolean); applications += 1) {
      server = createServer(makeApp()).listen(0, '127.0.0.1')
      await askTwice(server)
    }
  }

  async function askTwice(listening: Server): Promise<void> {
    await once(listening, 'listening')
    const { port } = listening.address() as AddressInfo
    for (let round = 0; round < 3; round += 1)
      await Promise.all([1, 2].map(async () => (await fetch(`http://127.0.0.1:${port}/`)).text()))
    listening.close()
  }

  test('are alike on any server', async () => {
    await serve(() => express().use(auth, wait))
    expect({ alike, belongTogether }).toEqual({ alike: [true, true], belongTogether: true })
  })

  test('are alike in an application within another one', async () => {
    await serve(() => express().use(express().use(auth, wait)))
    expect({ alike, belongTogether }).toEqual({ alike: [true, true], belongTogether: true })
  })

  test('are alike on its own server, and no dictionaries', async () => {
    const fast: boolean[] = []
    const app = express()
    app.use(auth, (req, res, next) => {
      fast.push(isFast(req), isFast(res))
      next()
    })
    app.use(wait)
    server = auth.createServer(app).listen(0, '127.0.0.1')
    await askTwice(server)
    expect({ alike, belongTogether }).toEqual({ alike: [true, true], belongTogether: true })
    expect(new Set(fast)).toEqual(new Set([true]))
  })
})
