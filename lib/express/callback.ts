import type { Request, Response } from 'express'
import type { IDToken } from 'openid-client'
import { AuthError } from '../errors.ts'
import { newGrantId } from '../grants/grant.ts'
import type { CompletedSignIn } from '../protocol/authorization-server.ts'
import type { ReturnPath } from '../protocol/return-path.ts'
import { isExpired, openState, type StateContent } from '../protocol/transaction.ts'
import type { Account, User } from '../session/session-corner.ts'
import { readReturnPath } from './login.ts'
import { readParameters } from './parameters.ts'
import type { Parts } from './parts.ts'
import { redirect } from './sign-in.ts'

/** RFC 6749 §4.1.2, RFC 9207 §2. Descriptions are left where they are: they are for nobody here, and some servers break lines in them. */
const RESPONSE_PARAMETERS = ['code', 'state', 'iss', 'error']

/** Holds a sealed response that came by POST. */
const POSTED = 'posted'

/** More headers than 16 KB are refused by Node. */
const MAX_POSTED_LENGTH = 12_000

const MAX_USER_AGENT_LENGTH = 256

/** About the token itself, not about the end-user. */
const TOKEN_CLAIMS = new Set(['aud', 'exp', 'iat', 'nbf', 'jti', 'nonce', 'azp', 'at_hash', 'c_hash', 's_hash'])

/** `GET /callback` and, for `response_mode=form_post`, `POST /callback`: where the authorization response arrives. */
export function callbackRoute(parts: Parts): (req: Request, res: Response) => Promise<void> {
  const { settings, server, session, corner, keeper, stateSealer, responseSealer, runtime } = parts

  return async function callback(req, res) {
    if (req.method === 'POST') return takeHome(await readParameters(req, res, RESPONSE_PARAMETERS), res)

    const arrivedAt = runtime.now()
    const response = openPosted(await readParameters(req, res, [...RESPONSE_PARAMETERS, POSTED], MAX_POSTED_LENGTH))
    const state = response.get('state') ?? ''
    const content = openState(state, stateSealer)
    if (content === undefined) {
      throw new AuthError('ERR_AUTH_TRANSACTION', 'the answer belongs to no sign-in that was begun here')
    }
    if (response.has('code') === response.has('error')) {
      throw new AuthError('ERR_AUTH_REQUEST', 'this request is malformed: it needs either "code" or "error"')
    }
    session.demandCookie(req)

    const transaction = await corner.takeTransaction(req, content.id)
    if (transaction === undefined) return recover(state, content, req, res)
    let completed: CompletedSignIn
    try {
      completed = await server.complete(response, state, transaction)
    } catch (error) {
      // A double click sends the code twice; the first has signed in.
      const isSpent = error instanceof AuthError && error.code === 'ERR_AUTH_TRANSACTION'
      if (isSpent && (corner.account(req) !== undefined || corner.hasMoved(req)))
        return redirect(res, transaction.returnPath)
      throw error
    }
    await signIn(completed, arrivedAt, req)
    redirect(res, transaction.returnPath)
  }

  /**
   * A form that another site posts here comes without our `SameSite=Lax` cookie; the GET that follows a redirect brings it. The
   * response is sealed for that way, so that no code stands in the URL.
   */
  function takeHome(response: URLSearchParams, res: Response): void {
    const posted = responseSealer.seal(response.toString())
    if (posted.length > MAX_POSTED_LENGTH)
      throw new AuthError('ERR_AUTH_REQUEST', 'this request is malformed: it is too long')
    redirect(res, `${settings.paths.callback}?${new URLSearchParams({ [POSTED]: posted }).toString()}`)
  }

  function openPosted(parameters: URLSearchParams): URLSearchParams {
    const posted = parameters.get(POSTED)
    if (posted === null) return parameters
    const opened = responseSealer.open(posted)
    if (opened === undefined) {
      throw new AuthError('ERR_AUTH_REQUEST', `this request is malformed: "${POSTED}" was not made here`)
    }
    return new URLSearchParams(opened)
  }

  /**
   * The transaction is spent (a reload), or was lost to a race between tabs. Signed in by now: done. Else the sign-in begins again,
   * with the cookie that the browser has by then and without setting another. The response itself is never used.
   */
  function recover(state: string, content: StateContent, req: Request, res: Response): void {
    if (corner.account(req) !== undefined || corner.hasMoved(req)) return redirect(res, content.returnPath)
    if (isExpired(content, runtime.now())) {
      throw new AuthError('ERR_AUTH_TRANSACTION', 'the sign-in took too long; sign in again')
    }
    redirect(res, `${settings.paths.login}?${new URLSearchParams({ resume: state }).toString()}`)
  }

  /** @param signedInAt when the response arrived: what was ended at the server after that, ended this sign-in too. */
  async function signIn({ tokens, claims }: CompletedSignIn, signedInAt: number, req: Request): Promise<void> {
    const { provider } = parts
    const userAgent = req.get('user-agent')?.slice(0, MAX_USER_AGENT_LENGTH)
    const owner = {
      provider,
      subject: claims?.sub,
      sid: typeof claims?.['sid'] === 'string' ? claims['sid'] : undefined,
    }
    const user = toUser(claims)
    const grantId = newGrantId()
    let previous: Account | undefined
    try {
      previous = await corner.signIn(req, async (sessionId) => {
        await keeper.create(owner, tokens, { id: sessionId, signedInAt, userAgent }, grantId)
        const scope = tokens.scope ?? server.provider.scope
        return { provider, user, grantId, scope, signedInAt, sessionId, userAgent }
      })
    } catch (error) {
      // The sign-in before, if it is the same end-user's, may be the same grant to the server, and goes on.
      const goesOn = corner.account(req)?.user.sub === user.sub
      keeper.abandon(grantId, owner, goesOn ? undefined : tokens)
      throw error
    }
    parts.tell({ type: 'sign-in', provider, subject: claims?.sub, grantId })
    if (previous !== undefined) await endPrevious(previous, user)
  }

  /** Whatever becomes of the old grant, the new one is there; if it was somebody else's, they have signed out by this. */
  async function endPrevious(previous: Account, { sub }: User): Promise<void> {
    const why = previous.user.sub === sub ? 'replaced' : 'signed-out'
    const last = await keeper.bury(previous.grantId, why).catch(() => undefined)
    if (last !== undefined) void keeper.revoke(previous.grantId, last, why)
  }
}

/** Where the end-user was going: what a sign-in that failed was for, or else this page, unless it is one of our own. */
export function wantedPath({ settings, stateSealer }: Parts, req: Request, isOwnRoute: boolean): ReturnPath {
  const query = new URLSearchParams(req.originalUrl.split('?', 2)[1] ?? '')
  return (
    openState(query.get('state'), stateSealer)?.returnPath ??
    readReturnPath(isOwnRoute ? null : req.originalUrl, settings)
  )
}

function toUser(claims: IDToken | undefined): User {
  const about = Object.entries(claims ?? {}).filter(([name]) => !TOKEN_CLAIMS.has(name))
  return { ...Object.fromEntries(about), sub: claims?.sub ?? '' }
}
