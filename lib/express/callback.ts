import type { Request, Response } from 'express'
import { AuthError } from '../errors.ts'
import type { CompletedSignIn } from '../protocol/authorization-server.ts'
import type { ReturnPath } from '../protocol/return-path.ts'
import { isExpired, openState, type StateContent } from '../protocol/transaction.ts'
import type { ConnectTo, Purpose } from '../session/pending-sign-in.ts'
import { connect, establish, grantOf, type NewGrant } from './establish.ts'
import { isSignedIn, readReturnPath } from './login.ts'
import { readParameters } from './parameters.ts'
import type { Parts } from './parts.ts'
import type { Registration } from './registrations.ts'
import { redirect, redirectToLogin } from './sign-in.ts'
import { signedInAnywhere } from './signed-in.ts'

/** RFC 6749 §4.1.2, RFC 9207 §2. Descriptions are left where they are: they are for nobody here, and some servers break lines in them. */
const RESPONSE_PARAMETERS = ['code', 'state', 'iss', 'error']

/** Holds a sealed response that came by POST. */
const POSTED = 'posted'

const BEGUN_TO: Readonly<Record<Purpose, string>> = {
  'sign-in': 'sign somebody in',
  connect: 'connect an account',
}

/** More headers than 16 KB are refused by Node. */
const MAX_POSTED_LENGTH = 12_000

/** A sign-in that was completed at the provider, and is still to be given to somebody. */
export interface ReceivedSignIn {
  readonly granted: NewGrant
  readonly purpose: Purpose
  /** `undefined`: it signs somebody in, or the application keeps the account itself. */
  readonly connectTo: ConnectTo | undefined
  /** Epoch milliseconds. */
  readonly arrivedAt: number
  readonly returnPath: ReturnPath
}

/** `GET /callback` and, for `response_mode=form_post`, `POST /callback`: where the authorization response of one provider arrives. */
export function callbackRoute(
  parts: Parts,
): (req: Request, res: Response, registration: Registration) => Promise<void> {
  const receive = receiver(parts)

  return async function callback(req, res, registration) {
    const received = await receive(req, res, registration)
    if (received === 'answered') return
    try {
      await finish(parts, received, req)
    } catch (error) {
      if (await hasGoneOn(parts, received, error, req)) {
        connectAgain(res, registration, received.returnPath)
        return
      }
      throw beginAgainAt(parts, registration, error)
    }
    redirect(res, received.returnPath)
  }
}

/** Did another tab connect an account meanwhile, so that this one came with the cookie of a session that was left? */
async function hasGoneOn(
  { corner }: Parts,
  { connectTo }: ReceivedSignIn,
  error: unknown,
  req: Request,
): Promise<boolean> {
  if (connectTo === undefined || !(error instanceof AuthError) || error.code !== 'ERR_AUTH_TRANSACTION') return false
  return corner.wasLeft(req).catch(() => false)
}

/** Nobody is signed out by that, but who the cookie of the browser stands for by now is to be asked: the sign-in path sees to it. */
function connectAgain(res: Response, { paths }: Registration, returnPath: ReturnPath): Answered {
  redirectToLogin(res, returnPath, paths.login)
  return 'answered'
}

/** Signs the end-user in, or connects the account. @throws {AuthError} as `establish` and `connect`. */
export async function finish(parts: Parts, received: ReceivedSignIn, req: Request): Promise<void> {
  const { granted, connectTo, arrivedAt } = received
  await (connectTo === undefined
    ? establish(parts, granted, arrivedAt, req)
    : connect(parts, granted, connectTo, arrivedAt, req))
}

/** Begun again, it is begun at the same provider. */
function beginAgainAt({ loginPaths }: Parts, { paths }: Registration, error: unknown): unknown {
  if (error instanceof AuthError) loginPaths.set(error, paths.login)
  return error
}

/** The response was no sign-in, and the browser has been sent elsewhere. */
type Answered = 'answered'

/** Reads authorization responses, and redeems their codes. Where the application has the route, it says for what `purpose` it has it. */
export function receiver(
  parts: Parts,
): (req: Request, res: Response, registration: Registration, purpose?: Purpose) => Promise<ReceivedSignIn | Answered> {
  const { session, corner, stateSealer, connectionSealer, responseSealer, runtime } = parts

  return async function receiveResponse(req, res, registration, purpose) {
    try {
      return await receive(req, res, registration, purpose)
    } catch (error) {
      throw beginAgainAt(parts, registration, error)
    }
  }

  async function receive(
    req: Request,
    res: Response,
    registration: Registration,
    purpose?: Purpose,
  ): Promise<ReceivedSignIn | Answered> {
    if (req.method === 'POST')
      return takeHome(await readParameters(req, res, RESPONSE_PARAMETERS), res, registration.paths.callback)

    const arrivedAt = runtime.now()
    const response = openPosted(await readParameters(req, res, [...RESPONSE_PARAMETERS, POSTED], MAX_POSTED_LENGTH))
    const state = response.get('state') ?? ''
    const signInContent = openState(state, stateSealer)
    const isSignIn = signInContent !== undefined
    const content = signInContent ?? openState(state, connectionSealer)
    if (content === undefined) {
      // Some servers leave out the state when they refuse the request itself.
      const isError = state === '' && response.has('error')
      const what = isError ? ' is an error without "state", perhaps about what is registered there, and' : ''
      throw new AuthError('ERR_AUTH_TRANSACTION', `the answer${what} belongs to no sign-in that was begun here`)
    }
    if (response.has('code') === response.has('error')) {
      throw new AuthError('ERR_AUTH_REQUEST', 'this request is malformed: it needs either "code" or "error"')
    }
    session.demandCookie(req)

    const pending = await corner.takeTransaction(req, content.id)
    // Nothing of the response is believed, its code goes to nobody, and nothing begins again here.
    if ((pending ?? content).provider !== registration.key) {
      throw new AuthError('ERR_AUTH_TRANSACTION', 'the answer belongs to a sign-in that was begun at another provider')
    }
    const hasFinished = (): boolean => (isSignIn ? isSignedIn(parts, req) : isConnected(parts, registration, req))
    if (pending === undefined) {
      if (hasFinished()) return sendTo(res, content.returnPath)
      // Another tab went on in a new session, whose cookie the browser has, or is about to get.
      if (!isSignIn && corner.hasMoved(req)) return connectAgain(res, registration, content.returnPath)
      return beginAgain(state, content, isSignIn, res, registration)
    }
    const { connectTo } = pending
    if (pending.purpose !== (purpose ?? (connectTo === undefined ? 'sign-in' : 'connect')))
      throw new AuthError('ERR_AUTH_TRANSACTION', `what arrives here was begun to ${BEGUN_TO[pending.purpose]}, which this address does not do`) // prettier-ignore
    let completed: CompletedSignIn
    try {
      completed = await registration.server.complete(response, state, pending)
    } catch (error) {
      // A double click sends the code twice; the first has signed in.
      const isSpent = error instanceof AuthError && error.code === 'ERR_AUTH_TRANSACTION'
      if (isSpent && hasFinished()) return sendTo(res, pending.returnPath)
      throw error
    }
    const granted = grantOf(completed, registration)
    return { granted, purpose: pending.purpose, connectTo, arrivedAt, returnPath: pending.returnPath }
  }

  /**
   * A form that another site posts here comes without our `SameSite=Lax` cookie; the GET that follows a redirect brings it. The
   * response is sealed for that way, so that no code stands in the URL.
   */
  function takeHome(response: URLSearchParams, res: Response, callbackPath: string): Answered {
    const posted = responseSealer.seal(response.toString())
    if (posted.length > MAX_POSTED_LENGTH)
      throw new AuthError('ERR_AUTH_REQUEST', 'this request is malformed: it is too long')
    return sendTo(res, `${callbackPath}?${new URLSearchParams({ [POSTED]: posted }).toString()}`)
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
   * The transaction is spent (a reload), or was lost to a race between tabs. The sign-in begins again, with the cookie that the browser
   * has by then and without setting another. The response itself is never used.
   */
  function beginAgain(
    state: string,
    content: StateContent,
    isSignIn: boolean,
    res: Response,
    registration: Registration,
  ): Answered {
    if (isExpired(content, runtime.now())) {
      throw new AuthError('ERR_AUTH_TRANSACTION', 'the sign-in took too long; sign in again')
    }
    // For whom it was is lost as well, and somebody else may be signed in.
    if (!isSignIn) throw new AuthError('ERR_AUTH_TRANSACTION', 'the account is not connected; connect it again')
    return sendTo(res, `${registration.paths.login}?${new URLSearchParams({ resume: state }).toString()}`)
  }
}

function isConnected(parts: Parts, { key }: Registration, req: Request): boolean {
  const account = signedInAnywhere(parts, req)
  return account !== undefined && parts.corner.connections(req).some(({ provider }) => provider === key)
}

function sendTo(res: Response, url: string): Answered {
  redirect(res, url)
  return 'answered'
}

/** Where the end-user was going: what a sign-in that failed was for, or else this page, unless it is one of our own. */
export function wantedPath(
  { settings, stateSealer, connectionSealer }: Parts,
  req: Request,
  isOwnRoute: boolean,
): ReturnPath {
  const query = new URLSearchParams(req.originalUrl.split('?', 2)[1] ?? '')
  const content = openState(query.get('state'), stateSealer) ?? openState(query.get('state'), connectionSealer)
  return content?.returnPath ?? readReturnPath(isOwnRoute ? null : req.originalUrl, settings)
}
