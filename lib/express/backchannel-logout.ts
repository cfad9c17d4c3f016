import { createHash } from 'node:crypto'
import type { Request, Response } from 'express'
import { AuthError } from '../errors.ts'
import type { LogoutTokenFlaw } from '../events.ts'
import type { LogoutToken } from '../protocol/logout-token.ts'
import { readParameters } from './parameters.ts'
import type { Parts } from './parts.ts'
import type { Registration } from './registrations.ts'
import { UnknownTenants } from './unknown-tenants.ts'
import type { ProviderLogout } from './provider-logout.ts'

const PARAMETER = 'logout_token'

/** Clocks of our own processes may be apart by so much: one that is behind accepts a token for longer. */
const CLOCKS_APART_MS = 5 * 60_000

type Answer = { kind: 'done' } | { kind: 'refused'; flaw: LogoutTokenFlaw }

/**
 * `POST /backchannel-logout`: the authorization server itself says that an end-user has signed out there (OpenID Connect Back-Channel
 * Logout 1.0). The request has no session, and gets none.
 */
export function backchannelLogoutRoute(
  parts: Parts,
  logout: ProviderLogout,
): (req: Request, res: Response, registration: Registration) => Promise<void> {
  const { keeper, session, runtime, tell } = parts
  const unknownTenants = new UnknownTenants(runtime)

  return async function backchannelLogout(req, res, registration) {
    res.set('Cache-Control', 'no-store') // §2.8
    try {
      session.recognise(req)
      const answer = await receive(await readLogoutToken(req, res), registration)
      if (answer.kind === 'done') {
        res.status(200).end()
        return
      }
      tell({ type: 'logout-token-refused', provider: registration.grantKey, flaw: answer.flaw })
      refuse(res, 'the logout token is not valid')
    } catch (error) {
      if (!(error instanceof AuthError)) throw error
      if (error.status >= 500) tell({ type: 'error', code: error.code, route: req.baseUrl + req.path, error })
      if (error.retryAfterSeconds !== undefined) res.set('Retry-After', String(error.retryAfterSeconds))
      refuse(res, error.expose ? error.message : 'the logout failed; send it again later')
    }
  }

  async function receive(text: string, registration: Registration): Promise<Answer> {
    const arrivedAt = runtime.now()
    const verdict = await unknownTenants.run(registration, () => registration.server.readLogoutToken(text))
    if (verdict.kind === 'refused') return verdict

    const { token } = verdict
    const name = nameOf(token)
    // A replay is a token that was carried out. One whose delivery failed, or is still going on, is none: ending twice is harmless.
    if (await keeper.isRemembered(name)) return { kind: 'refused', flaw: 'replayed' }
    if ((await logout.end(token, registration)) === 'mismatch') return { kind: 'refused', flaw: 'mismatch' }

    logout.watch(token, registration, arrivedAt)
    const rememberMs = token.acceptedUntil - runtime.now() + CLOCKS_APART_MS
    // The sign-ins have ended whether or not this can be written (a store that is full can still end them), and what is sent again would
    // find none: those made since then are younger than the token.
    await keeper.remember(name, Math.ceil(rememberMs)).catch(() => {})
    return { kind: 'done' }
  }
}

/** @throws {AuthError} `ERR_AUTH_REQUEST` */
async function readLogoutToken(req: Request, res: Response): Promise<string> {
  // A body parser of the application may have taken something else.
  if (req.is('application/x-www-form-urlencoded') !== 'application/x-www-form-urlencoded') {
    throw new AuthError('ERR_AUTH_REQUEST', 'this request is malformed: it is no form')
  }
  const text = (await readParameters(req, res, [PARAMETER])).get(PARAMETER)
  if (text === null) throw new AuthError('ERR_AUTH_REQUEST', `this request is malformed: "${PARAMETER}" is missing`)
  return text
}

/** Of no more than its own length, whatever the server calls its tokens. */
function nameOf({ issuer, clientId, jti }: LogoutToken): string {
  const digest = createHash('sha256')
    .update(JSON.stringify([issuer, clientId, jti]))
    .digest('base64url')
  return `logout token ${digest}`
}

/** §2.8, RFC 6749 §5.2. 400 also where the fault is here: the specification knows no other. */
function refuse(res: Response, description: string): void {
  res.status(400).json({ error: 'invalid_request', error_description: description })
}
