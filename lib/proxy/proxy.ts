import { once } from 'node:events'
import type { Request, RequestHandler, Response } from 'express'
import { shareHiddenClass } from '../hidden-classes.ts'
import { closeUnread } from './forward/closing.ts'
import { demandShort, isRepeatable, isGivenUp, NO_BODY, readBody } from './forward/request-body.ts'
import { hasAnswer, Sending, type Credentials } from './forward/sending.ts'
import { TokenInquiry } from './forward/token-inquiry.ts'
import { tooLate } from './forward/upstream-error.ts'
import { Upstreams } from './forward/upstreams.ts'
import { hasBody } from './gate/framing.ts'
import { Gate } from './gate/gate.ts'
import { requestHeaderRules, requestHeaders } from './headers/headers.ts'
import { Identity } from './headers/identity.ts'
import { LiveAnswer, signedOut } from './live/live-answer.ts'
import type { Caller, ProxyContext } from './proxy-context.ts'
import { readProxyOptions, type ProxyOptions } from './proxy-options.ts'
import { demandHandshake } from './upgrade/upgrade-exchange.ts'
import { upgradeOf, type UpgradeRequest } from './upgrade/upgrade-request.ts'

const NOTHING: readonly string[] = []

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
  const settings = readProxyOptions(target, options, context.providers)
  const { publicUrl, runtime } = context
  const publicOrigin = publicUrl.origin
  const {
    provider,
    resource,
    scope,
    maxReplayBytes,
    maxBodyBytes = Number.POSITIVE_INFINITY,
    totalTimeoutMs,
  } = settings
  const limits = { maxReplayBytes, maxBodyBytes, idleTimeoutMs: settings.idleTimeoutMs, runtime }
  const tokenTarget = { resource, scope }
  const gate = new Gate(settings, publicUrl, (req) => context.signInOf(req, undefined) !== undefined)
  const identity = new Identity(settings, publicUrl, runtime)
  const { isWanted: tellsOfUser } = identity
  const headerRules = requestHeaderRules(settings, publicUrl)
  const hasOtherOrigins = (settings.allowOrigins ?? []).length > 0
  const upstreams = new Upstreams(settings, runtime, context.tell)
  const route = { settings, upstreams, tokenTarget, runtime }

  async function exchange(req: Request, res: Response): Promise<void> {
    // What may be forwarded at all
    const path = gate.admit(req, res)
    if (path === undefined) return
    if (waitsForTurn(res)) await once(res, 'socket')
    demandShort(req, maxBodyBytes)
    const upgrade = upgradeOf(req)
    if (upgrade !== undefined && !demandHandshake(req, res, upgrade)) return

    upstreams.begin()
    try {
      await forward(req, res, path, upgrade)
    } finally {
      upstreams.end()
    }
  }

  async function forward(
    req: Request,
    res: Response,
    path: string,
    upgrade: UpgradeRequest | undefined,
  ): Promise<void> {
    const deadline = totalTimeoutMs === undefined ? undefined : runtime.monotonic() + totalTimeoutMs

    // Who asks
    const caller = settings.token || tellsOfUser ? await context.attach(req, res, provider) : undefined
    if (res.destroyed) return // `close` does not come again
    const live = enlist(req, res, upgrade !== undefined)

    // What goes out
    const inquiry = new TokenInquiry(res, tokenTarget, isRepeatable(req, maxReplayBytes))
    const token = settings.token ? await caller?.freshToken(inquiry) : undefined
    if (deadline !== undefined && runtime.monotonic() >= deadline) throw tooLate()
    const body = hasBody(req) ? await readBody(req, limits, deadline) : NO_BODY
    const sessionCookies = context.sessionCookiesOf(req)
    const headers = requestHeaders(req, headerRules, sessionCookies)
    const credentials = { token, identity: tellsOfUser ? await identity.headers(caller?.account) : NOTHING }
    const rules = {
      sessionCookies,
      route: { path, mount: req.baseUrl, publicOrigin },
      hasOtherOrigins,
      ownNames: headerRules.ownNames,
      isForOneUser: settings.token || tellsOfUser || context.signInOf(req, undefined) !== undefined,
    }
    const askAgain = (): Promise<Credentials> => credentialsOf(req, caller, inquiry)
    const outgoing = { req, res, path, headers, body, upgrade, live, rules, deadline, askAgain }
    const failure = await new Sending(route, outgoing, caller, credentials).send()
    if (failure !== undefined && !upstreams.isDestroyed) context.note(failure, req)
  }

  async function credentialsOf(req: Request, caller: Caller | undefined, inquiry: TokenInquiry): Promise<Credentials> {
    // A token says by itself that its grant has ended.
    const signIn = settings.token ? undefined : context.signInOf(req, provider)
    if (signIn !== undefined && !(await context.live.holds(signIn))) throw signedOut()
    return {
      token: settings.token ? await caller?.freshToken(inquiry) : undefined,
      identity: tellsOfUser ? await identity.headers(caller?.account) : NOTHING,
    }
  }

  /** From now on a sign-out ends it. */
  function enlist(req: Request, res: Response, isUpgrade: boolean): LiveAnswer {
    const live = new LiveAnswer(req, res, runtime)
    const signIn = context.signInOf(req, provider)
    if (signIn !== undefined || isUpgrade) res.once('close', context.live.add(signIn, live))
    return live
  }

  async function proxyMiddleware(req: Request, res: Response, next: (error: unknown) => void): Promise<void> {
    try {
      shareHiddenClass(req, res)
      await exchange(req, res)
    } catch (error) {
      // A client that left is nobody's fault, and nobody is there to be told.
      // And an application that has answered itself, because it took too long, needs no other answer.
      if (hasAnswer(res)) return
      if (isGivenUp(error)) closeUnread(req, res, runtime)
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
