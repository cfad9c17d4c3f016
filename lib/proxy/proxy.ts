import type { Request, RequestHandler, Response } from 'express'
import { Pool } from 'undici'
import { replacement, type TokenSource } from '../express/authorized-fetch.ts'
import { siteOf } from '../express/navigation.ts'
import type { SignInRef } from '../express/still-signed-in.ts'
import type { AccessToken } from '../grants/access-tokens.ts'
import { AuthError } from '../errors.ts'
import { forward, type OnRefusal } from './forward.ts'
import type { Runtime } from '../runtime.ts'
import { requestHeaders } from './headers.ts'
import { LiveAnswer } from './live-answer.ts'
import type { LiveConnections } from './live-connections.ts'
import { isRepeatable, readBody } from './request-body.ts'
import { readProxyOptions, type ProxyOptions } from './proxy-options.ts'
import { pathAtTarget, type Target } from './target.ts'
import { acceptUpgrade, demandHandshake } from './upgrade-exchange.ts'
import { upgradeOf } from './upgrade-request.ts'

export interface ProxyContext {
  readonly publicUrl: URL
  readonly runtime: Runtime
  /** The name of the cookie that carries a request's session: neither shown to the target nor set by it. */
  readonly sessionCookieOf: (req: Request) => string
  /** The account whose tokens go along. @param provider its key; `undefined`: the one that the user signed in with. */
  readonly attach: (req: Request, res: Response, provider: string | undefined) => Promise<TokenSource>
  /** The sign-in of a request whose session was read. @param provider as above. */
  readonly signInOf: (req: Request, provider: string | undefined) => SignInRef | undefined
  readonly live: LiveConnections
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
  const headerSettings = { publicUrl: context.publicUrl, forwardCookies: settings.forwardCookies }
  const pool = new Pool(to.origin, {
    connect: { timeout: settings.connectTimeoutMs },
    headersTimeout: settings.headersTimeoutMs,
    bodyTimeout: settings.idleTimeoutMs,
    pipelining: 1, // with more, a client that leaves wedges its neighbours
  })

  async function exchange(req: Request, res: Response): Promise<void> {
    const path = pathAtTarget(to, req.url)
    const upgrade = upgradeOf(req)
    if (upgrade !== undefined) {
      demandSameOrigin(req, context.publicUrl)
      if (!demandHandshake(req, res, upgrade)) return
    }
    const auth = await context.attach(req, res, settings.provider)
    const gone = new AbortController()
    const live = new LiveAnswer(req, res, context.runtime)
    const signIn = context.signInOf(req, settings.provider)
    const leave = signIn === undefined && upgrade === undefined ? undefined : context.live.add(signIn, live)
    res.once('close', () => {
      leave?.()
      if (!res.writableFinished) gone.abort() // costs an error with a stack, so not after every answer
    })
    const token = await auth.freshToken({ signal: gone.signal, isRepeatable: isRepeatable(req, maxReplayBytes) })
    const body = await readBody(req, maxReplayBytes)
    const sessionCookie = context.sessionCookieOf(req)
    const headers = requestHeaders(req, headerSettings, sessionCookie)
    const send = (bearer: AccessToken, onRefusal: OnRefusal | undefined): ReturnType<typeof forward> =>
      forward(
        pool,
        {
          path,
          method: req.method,
          headers: [...headers, 'authorization', `${bearer.tokenType} ${bearer.token}`],
          body: body.kind === 'stream' ? body.stream : body.bytes,
          ...(upgrade !== undefined && { upgrade: upgrade.protocols.join(', ') }),
        },
        res,
        {
          sessionCookie,
          token: bearer.token,
          onRefusal,
          onUpgrade: upgrade && ((rawHeaders, socket) => live.becomes(acceptUpgrade({ req, upgrade, rawHeaders, target: socket, sessionCookie, token: bearer.token, runtime: context.runtime }))), // prettier-ignore
          runtime: context.runtime,
        },
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

/** A page of another site can open a web socket with the user's cookies, and read what comes (cross-site WebSocket hijacking). */
function demandSameOrigin(req: Request, publicUrl: URL): void {
  const site = siteOf(req, publicUrl.origin)
  if (site === 'same-origin' || (site === 'unknown' && req.headers['x-requested-with'] !== undefined)) return
  throw new AuthError('ERR_AUTH_FORBIDDEN', 'another site may not do this')
}
