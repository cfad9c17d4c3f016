import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import express from 'express'
import { latchkey, type AuthEvent, type Latchkey, type LatchkeyOptions } from '../lib/index.ts'
import type { Provider } from '../lib/providers/provider.ts'
import { systemRuntime, type Runtime } from '../lib/runtime.ts'

/** The servers here are for development, and share this machine with everything else. */
const PATIENT = { connectTimeoutMs: 60_000, headersTimeoutMs: 120_000 }

/** An Express application with latchkey at an address that stays, whatever the provider of the moment is. */
export class Site {
  readonly url: string
  readonly events: AuthEvent[] = []
  readonly #server: Server
  #auth: Latchkey | undefined
  #app: RequestListener = (_req, res) => void res.writeHead(503).end()

  private constructor(server: Server) {
    this.#server = server
    server.on('request', (req, res) => this.#app(req, res))
    const address = server.address()
    this.url = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`
  }

  static async open(): Promise<Site> {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new Site(server)
  }

  /**
   * @param target the API behind `/api`.
   * @param plain a page that needs a token, behind `/plain`.
   */
  use(
    provider: Provider,
    target: string,
    plain: string,
    options: Partial<LatchkeyOptions> = {},
    runtime: Runtime = systemRuntime,
  ): void {
    this.events.length = 0
    const auth = latchkey(
      {
        baseUrl: this.url,
        provider,
        secret: 'only for the verification of the presets',
        onEvent: (event) => this.events.push(event),
        ...options,
      },
      runtime,
    )
    const app = express()
    app.use(auth)
    app.get('/', (req, res) => void res.json({ signedIn: req.auth.isAuthenticated }))
    app.get('/me', auth.requireAuth(), (req, res) => void res.json(req.auth.user))
    app.get('/call', auth.requireAuth(), async (req, res) => {
      const answer = await req.auth.fetch(`${target}/me`)
      res.status(answer.status).json(await answer.json())
    })
    app.get('/plain', auth.requireAuth(), async (req, res) => {
      res.sendStatus((await req.auth.fetch(plain)).status)
    })
    app.use('/api', auth.requireAuth(), auth.proxy(target, PATIENT))
    app.use(auth.errorHandler)
    this.#auth = auth
    this.#app = app as RequestListener
  }

  /** How refreshes ended since `use`. */
  get refreshes(): string {
    return this.events.flatMap((event) => (event.type === 'refresh' ? [event.result] : [])).join(' ') || 'none'
  }

  get lastError(): Error | undefined {
    return this.events.flatMap((event) => (event.type === 'error' ? [event.error] : [])).at(-1)
  }

  async close(): Promise<void> {
    await this.#auth?.close()
    this.#server.closeAllConnections()
    this.#server.close()
  }
}
