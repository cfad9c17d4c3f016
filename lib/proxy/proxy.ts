import { once } from 'node:events'
import type { Request, RequestHandler, Response } from 'express'
import { replacement, type TokenSource } from '../express/authorized-fetch.ts'
import type { SignInRef } from '../express/still-signed-in.ts'
import type { AccessToken } from '../grants/access-tokens.ts'
import type { Runtime } from '../runtime.ts'
import type { Person } from './headers/assertion.ts'
import { closeUnread } from './forward/closing.ts'
import { forward } from './forward/forward.ts'
import type { OnRefusal } from './forward/forwarding.ts'
import { Gate } from './gate/gate.ts'
import { requestHeaderRules, requestHeaders, type AnswerRules } from './headers/headers.ts'
import { Identity } from './headers/identity.ts'
import { LiveAnswer } from './upgrade/live-answer.ts'
import type { LiveConnections } from './upgrade/live-connections.ts'
import { readProxyOptions, type ProxyOptions } from './proxy-options.ts'
import { demandShort, isRepeatable, isTooLarge, readBody } from './forward/request-body.ts'
import { TokenInquiry } from './forward/token-inquiry.ts'
import { acceptUpgrade, demandHandshake } from './upgrade/upgrade-exchange.ts'
import { upgradeOf } from './upgrade/upgrade-request.ts'
import { Upstreams } from './forward/upstreams.ts'

export interface ProxyContext {
  readonly publicUrl: URL
  readonly runtime: Runtime
  /** The names of cookies that carry sessions here: neither shown to the target nor set by it. */
  readonly sessionCookiesOf: (req: Request) => readonly string[]
  /** The account whose tokens go along. @param provider its key; `undefined`: the one that the user signed in with. */
  readonly attach: (
    req: Request,
    res: Response,
    provider: string | undefined,
  ) => Promise<TokenSource & { readonly account: Person | undefined }>
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
 * Forwards requests to a target, below the path it is mounted on, with the end-user's access token. A token that the target refuses
 * (`expiredTokenAnswers` of the provider) is replaced and the request sent once more, where its body can be. Of several targets each
 * gets its turn; a request goes on to the next one only where not a byte of it was sent.
 *
 * @throws {AuthError} `ERR_AUTH_OPTIONS`, naming every option that is wrong.
 */
export function createProxy(
  target: string | URL | readonly (string | URL)[],
  options: ProxyOptions,
  context: ProxyContext,
): Proxy {
  const settings = readProxyOptions(target, options)
  const { publicUrl, runtime } = context
  const {
    maxReplayBytes,
    maxBodyBytes = Number.POSITIVE_INFINITY,
    totalTimeoutMs,
    headersTimeoutMs,
    idleTimeoutMs,
  } = settings
  const tokenTarget = { resource: settings.resource, scope: settings.scope }
  const gate = new Gate(settings, publicUrl, (req) => context.signInOf(req, undefined) !== undefined)
  const identity = new Identity(settings, publicUrl, runtime)
  const headerRules = requestHeaderRules(settings, publicUrl)
  const hasOtherOrigins = (settings.allowOrigins ?? []).length > 0
  const upstreams = new Upstreams(settings, runtime)

  async function exchange(req: Request, res: Response): Promise<void> {
    const path = gate.admit(req, res)
    if (path === undefined) return
    if (waitsForTurn(res)) await once(res, 'socket')
    demandShort(req, maxBodyBytes)
    const upgrade = upgradeOf(req)
    if (upgrade !== undefined && !demandHandshake(req, res, upgrade)) return
    const needsUser = settings.token || identity.isWanted
    const auth = needsUser ? await context.attach(req, res, settings.provider) : undefined
    // `close` does not come again.
    if (res.destroyed) return
    const live = new LiveAnswer(req, res, runtime)
    const signIn = context.signInOf(req, settings.provider)
    if (signIn !== undefined || upgrade !== undefined) res.once('close', context.live.add(signIn, live))
    const token = settings.token
      ? await auth?.freshToken(new TokenInquiry(res, tokenTarget, isRepeatable(req, maxReplayBytes)))
      : undefined
    const body = await readBody(req, { maxReplayBytes, maxBodyBytes })

    const sessionCookies = context.sessionCookiesOf(req)
    const headers = requestHeaders(req, headerRules, sessionCookies)
    if (identity.isWanted) headers.push(...(await identity.headers(auth?.account)))
    const rules: AnswerRules = {
      sessionCookies,
      route: { path, mount: req.baseUrl, publicOrigin: publicUrl.origin },
      hasOtherOrigins,
    }
    const deadline = totalTimeoutMs === undefined ? undefined : runtime.monotonic() + totalTimeoutMs
    const send = async (
      bearer: AccessToken | undefined,
      onRefusal: OnRefusal | undefined,
    ): Promise<'answered' | 'again'> =>
      forward(
        upstreams,
        {
          path,
          method: req.method,
          headers: authorized(headers, bearer),
          body: body.bytes,
          upgrade: upgrade?.protocols.join(', '),
        },
        res,
        {
          rules,
          token: bearer?.token,
          onRefusal,
          onUpgrade: upgrade && ((answer) => live.becomes(acceptUpgrade({ req, upgrade, answer, rules, token: bearer?.token, runtime }))), // prettier-ignore
          runtime,
          queueTimeoutMs: headersTimeoutMs,
          idleTimeoutMs,
          deadline,
        },
      )
    if (auth === undefined || token === undefined) return void (await send(undefined, undefined))

    let next: AccessToken | undefined
    const replace = async (): Promise<boolean> => (next = await replacement(auth, token, tokenTarget)) !== undefined
    // What cannot be sent again is answered with the refusal, and the next request finds a new token.
    const replaceForOthers = async (): Promise<boolean> => {
      replacement(auth, token, tokenTarget).catch(() => {})
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
      // And an application that has answered itself, because it took too long, needs no other answer.
      if (res.closed || res.writableEnded) return
      if (isTooLarge(error)) closeUnread(req, res)
      context.fail(error, req, res, next)
    }
  }
  return { handler: proxyMiddleware, close: () => upstreams.close(), destroy: () => upstreams.destroy() }
}

/**
 * Behind another request on its connection (RFC 9112 §9.3.2). Node tells nothing of a client that leaves to whoever waits there, so it
 * must not hold anything; and one connection does not get to hold many of a target's.
 */
function waitsForTurn(res: Response): boolean {
  return res.socket === null && !res.destroyed && !res.closed && !res.writableFinished
}

/** The token goes in last, and from nowhere else. */
function authorized(headers: readonly string[], bearer: AccessToken | undefined): string[] {
  return bearer === undefined ? [...headers] : [...headers, 'authorization', `${bearer.tokenType} ${bearer.token}`]
}
