import { sign } from 'cookie-signature'
import express, { type Express, type NextFunction, type Request, type Response } from 'express'
import session, {
  type MemoryStore,
  type CookieOptions,
  type SessionData,
  type SessionOptions,
  type Store,
} from 'express-session'
import { request, type IncomingMessage, type Server } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { latchkey, type Latchkey, type Runtime } from '../../lib/index.ts'
import { oidc } from '../../lib/providers/index.ts'
import { SECRET } from './app.ts'

export const COOKIE = 'sid'
export const OLDER_SECRET = 'an older secret for tests, and for tests alone'

/** One thing that a handler does with the session. */
export type Act =
  | {
      readonly act:
        'read' | 'id' | 'delete' | 'nested' | 'regenerate' | 'destroy' | 'save' | 'reload' | 'touch' | 'null'
    }
  | {
      readonly act:
        | 'destroy unheard'
        | 'unset'
        | 'look'
        | 'head'
        | 'ask the store'
        | 'empty the store'
        | 'inspect the store'
        | 'who'
        | 'deface'
    }
  | { readonly act: 'write'; readonly value: string }
  | { readonly act: 'maxAge'; readonly value: number | null }

export type Fault = 'get' | 'set' | 'touch' | 'destroy'

/** A store that fails when it is told to. */
export function faulty<S extends Store>(store: S, failsOn: () => Fault | undefined): S {
  return new Proxy(store, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target)
      if (typeof value !== 'function') return value
      return (...given: unknown[]) => {
        const done = given.at(-1)
        if (failsOn() !== name) return Reflect.apply(value, target, given) as unknown
        if (typeof done === 'function') setImmediate(done as (error: Error) => void, new Error('the store is away'))
        return undefined
      }
    },
  })
}

export interface Answer {
  readonly status: number | undefined
  readonly setCookie: readonly string[]
  readonly text: string
}

export interface Side {
  /** @param acts what the handler does. */
  ask(headers: Readonly<Record<string, string>>, acts: readonly Act[], path?: string, method?: string): Promise<Answer>
  close(): Promise<void>
}

export interface SideSettings {
  readonly store: Store
  readonly options: Omit<SessionOptions, 'secret' | 'cookie'> & { cookie: CookieOptions }
  readonly runtime: Runtime
  /** `express-session`: it is mounted before latchkey, as an application may do it. */
  readonly mounts: 'express-session' | 'latchkey alone'
  readonly cacheMs?: number
}

/** An application that does with its session what a request says. */
export async function startSide({ store, options, runtime, mounts, cacheMs = 0 }: SideSettings): Promise<Side> {
  const app = express()
  const secrets = [SECRET, OLDER_SECRET]
  const own = { ...options, name: COOKIE, store, genid: nextId }
  const { cookie } = own
  app.use(parsedCookies('before'))
  if (mounts === 'express-session') {
    const middleware = session({
      ...own,
      cookie: { httpOnly: true, sameSite: 'lax', secure: false, path: '/', ...cookie },
      secret: secrets,
      resave: false,
      saveUninitialized: false,
    })
    app.use((req, res, next) => {
      let isThrough = false
      middleware(req, res, (error: unknown) => {
        // What fails when the answer is under way is told to nobody, by latchkey as well.
        if (isThrough) return
        isThrough = true
        next(error)
      })
    })
  }
  const auth = latchkey(
    {
      baseUrl: 'http://127.0.0.1:3000',
      provider: oidc({ issuer: 'http://127.0.0.1:9', clientId: 'test-app', clientSecret: 'of the test app' }),
      secret: secrets,
      ...(mounts === 'latchkey alone' && { session: { ...own, cookie, cacheMs } }),
    },
    runtime,
  )
  app.use(auth, parsedCookies('after'))
  route(app, auth)
  app.use((_error: unknown, _req: Request, res: Response, _next: NextFunction) => {
    res.status(503).json({ code: 'ERR_AUTH_UNAVAILABLE' })
  })
  const server: Server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    async ask(headers, acts, path = '/', method = 'GET') {
      const all = { ...headers, acts: JSON.stringify(acts) }
      const outgoing = request({ host: '127.0.0.1', port, path, method, headers: all }).end()
      const [answer] = (await once(outgoing, 'response')) as [IncomingMessage]
      let text = ''
      for await (const chunk of answer.setEncoding('utf8') as AsyncIterable<string>) text += chunk
      return { status: answer.statusCode, setCookie: answer.headers['set-cookie'] ?? [], text }
    },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await auth.close()
    },
  }
}

export function signed(id: string, secret: string = SECRET): string {
  return encodeURIComponent(`s:${sign(id, secret)}`)
}

const counts = new WeakMap<Request, number>()

/** The same on both sides, for the same request. */
function nextId(req: Request): string {
  const count = (counts.get(req) ?? 0) + 1
  counts.set(req, count)
  return `${req.get('step')}-${count}`
}

/** As cookie-parser leaves them. */
function parsedCookies(when: 'before' | 'after') {
  return function parsedCookiesMiddleware(req: Request, _res: Response, next: NextFunction): void {
    const value = req.get(`parsed-${when}`)
    if (value !== undefined) Object.assign(req, { signedCookies: { [COOKIE]: value }, cookies: {} })
    next()
  }
}

function route(app: Express, auth: Latchkey): void {
  const handle = async (req: Request, res: Response): Promise<void> => {
    const acts = JSON.parse(req.get('acts') ?? '[]') as readonly Act[]
    const seen: unknown[] = []
    for (const act of acts) {
      try {
        seen.push(await perform(act, req, res))
      } catch (error) {
        seen.push(error instanceof Error ? error.message : 'thrown')
      }
    }
    res.end(JSON.stringify(seen))
  }
  app.all('/', handle)
  app.get('/guarded', auth.requireAuth(), handle)
}

interface Data extends SessionData {
  text?: string
  deep?: { list: number[] }
}

async function perform(act: Act, req: Request, res: Response): Promise<unknown> {
  const own = (): Request['session'] & Data => req.session
  const settled = async (call: (settle: (error?: unknown) => void) => void): Promise<string> =>
    new Promise((resolve) => call((error) => resolve(error ? 'failed' : 'done')))
  switch (act.act) {
    case 'look':
      return Object.keys(req).filter((name) => name.startsWith('session'))
    case 'who':
      return [req.auth.isAuthenticated, req.auth.user?.sub]
    case 'deface':
      return Object.assign(req.auth.user ?? {}, { sub: 'mallory' }).sub
    case 'head':
      res.write('the head is out ')
      return undefined
    case 'read':
      return own()
    case 'id':
      return req.sessionID
    case 'write':
      return (own().text = act.value)
    case 'nested':
      return (own().deep ??= { list: [] }).list.push(1)
    case 'delete':
      return delete own().text
    case 'maxAge':
      return (own().cookie.maxAge = act.value as number)
    case 'regenerate':
      return settled((settle) => own().regenerate(settle))
    case 'destroy':
      return settled((settle) => own().destroy(settle))
    case 'destroy unheard':
      own().destroy(undefined as unknown as () => void)
      return undefined
    case 'save':
      return settled((settle) => own().save(settle))
    case 'reload':
      return settled((settle) => own().reload(settle))
    case 'touch':
      return own().touch().id
    case 'null':
      return ((req as { session: unknown }).session = null)
    case 'unset':
      return delete (req as Partial<Request>).session
    case 'ask the store':
      return new Promise((resolve) =>
        req.sessionStore.get(req.sessionID, (error, found) => resolve(error ? 'failed' : found)),
      )
    case 'empty the store':
      return settled((settle) => req.sessionStore.clear?.(settle))
    case 'inspect the store':
      return inspected(req.sessionStore)
    default:
      return act satisfies never
  }
}

/** What a store has besides what express-session needs. */
async function inspected(store: Store): Promise<unknown> {
  let told: unknown
  store.once('pruned', (count: unknown) => (told = count))
  store.emit('pruned', 3)
  Object.assign(store, { note: 'kept' })
  return {
    length: await new Promise((resolve) => store.length?.((_error, length) => resolve(length))),
    ids: await new Promise((resolve) => store.all?.((_error, all) => resolve(Object.keys(all ?? {})))),
    told,
    note: (store as { note?: unknown }).note,
  }
}

/** What is stored, by id, with how long it will be. */
export type Stored = Map<string, { data: Record<string, unknown>; leftMs: number }>

/** @param now of the store's clock. */
export function storedInMemory(store: MemoryStore, now: number): Stored {
  const { sessions } = store as unknown as { sessions: Record<string, string> }
  const all: Stored = new Map()
  for (const [id, text] of Object.entries(sessions)) {
    const { cookie, ...rest } = JSON.parse(text) as SessionData
    const { expires, ...others } = cookie as unknown as { expires: string | null }
    const leftMs = expires === null ? Number.POSITIVE_INFINITY : new Date(expires).valueOf() - now
    if (leftMs > 0) all.set(id, { data: { ...rest, cookie: others }, leftMs })
  }
  return all
}
