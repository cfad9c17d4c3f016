import type { Request, RequestHandler, Response } from 'express'
import { Pool } from 'undici'
import { replacement, type TokenSource } from '../express/authorized-fetch.ts'
import type { AccessToken } from '../grants/access-tokens.ts'
import { forward, type OnRefusal } from './forward.ts'
import type { Runtime } from '../runtime.ts'
import type { Person } from './assertion.ts'
import { Gate } from './gate.ts'
import { Identity } from './identity.ts'
import { answerRules, requestHeaderRules, requestHeaders } from './headers.ts'
import { isRepeatable, readBody } from './request-body.ts'
import { readProxyOptions, type ProxyOptions } from './proxy-options.ts'
import { pathAtTarget, type Target } from './target.ts'

export interface ProxyContext {
  readonly publicUrl: URL
  readonly runtime: Runtime
  /** The name of the cookie that carries a request's session: neither shown to the target nor set by it. */
  readonly sessionCookieOf: (req: Request) => string
  /** The account whose tokens go along. @param provider its key; `undefined`: the one that the user signed in with. */
  readonly attach: (
    req: Request,
    res: Response,
    provider: string | undefined,
  ) => Promise<TokenSource & { readonly account: Person | undefined }>
  readonly fail: (error: unknown, req: Request, res: Response, next: (error: unknown) => void) => void
}

export interface Proxy {
  readonly handler: RequestHandler
  /** Waits for answers under way. */
  close(): Promise<void>
  /** Cuts them off. */
  destroy(): Promise<void>
}

/**
 * Forwards requests to `target`, below the path it is mounted on, with the end-user's access token. A token that the target refuses
 * (`expiredTokenAnswers` of the provider) is replaced and the request sent once more, where its body can be.
 *
 * @throws {AuthError} `ERR_AUTH_OPTIONS`, naming every option that is wrong.
 */
export function createProxy(
  target: string | URL | readonly (string | URL)[],
  options: ProxyOptions,
  context: ProxyContext,
): Proxy {
  const settings = readProxyOptions(target, options)
  const [to] = settings.targets as [Target]
  const { maxReplayBytes } = settings
  const gate = new Gate(settings, context.publicUrl)
  const identity = new Identity(settings, context.publicUrl, context.runtime)
  const headerRules = requestHeaderRules(settings, context.publicUrl)
  const pool = new Pool(to.origin, {
    connect: { timeout: settings.connectTimeoutMs },
    headersTimeout: settings.headersTimeoutMs,
    bodyTimeout: settings.idleTimeoutMs,
    pipelining: 1, // with more, a client that leaves wedges its neighbours
  })

  async function exchange(req: Request, res: Response): Promise<void> {
    const admitted = gate.admit(req, res)
    if (admitted === undefined) return
    const path = pathAtTarget(to, admitted)
    const auth = await context.attach(req, res, settings.provider)
    const gone = new AbortController()
    res.once('close', () => {
      if (!res.writableFinished) gone.abort() // costs an error with a stack, so not after every answer
    })
    const token = await auth.freshToken({ signal: gone.signal, isRepeatable: isRepeatable(req, maxReplayBytes) })
    const body = await readBody(req, maxReplayBytes)
    const sessionCookie = context.sessionCookieOf(req)
    const headers = requestHeaders(req, headerRules, sessionCookie)
    if (identity.isWanted) headers.push(...(await identity.headers(auth.account)))
    const route = { target: to, pathAtTarget: path, publicOrigin: context.publicUrl.origin }
    const rules = answerRules(req, settings, route, sessionCookie)
    const send = (bearer: AccessToken, onRefusal: OnRefusal | undefined): ReturnType<typeof forward> =>
      forward(
        pool,
        {
          path,
          method: req.method,
          headers: [...headers, 'authorization', `${bearer.tokenType} ${bearer.token}`],
          body: body.kind === 'stream' ? body.stream : body.bytes,
        },
        res,
        { rules, token: bearer.token, onRefusal, runtime: context.runtime },
      )

    let next: AccessToken | undefined
    const replace = async (): Promise<boolean> => (next = await replacement(auth, token)) !== undefined
    // What cannot be sent again is answered with the refusal, and the next request finds a new token.
    const replaceForOthers = async (): Promise<boolean> => {
      replacement(auth, token).catch(() => {})
      return false
    }
    const sendAgain = body.kind === 'repeatable' ? replace : replaceForOthers
    const outcome = await send(token, { expiredTokenAnswers: auth.expiredTokenAnswers, sendAgain })
    if (outcome === 'again' && next !== undefined) await send(next, undefined)
  }

  async function proxyMiddleware(req: Request, res: Response, next: (error: unknown) => void): Promise<void> {
    try {
      await exchange(req, res)
    } catch (error) {
      // A client that left is nobody's fault, and nobody is there to be told.
      if (res.closed) return
      context.fail(error, req, res, next)
    }
  }
  return { handler: proxyMiddleware, close: () => pool.close(), destroy: () => pool.destroy() }
}
