import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { exportJWK, generateKeyPair, SignJWT, type JWTPayload } from 'jose'
import { CLIENT } from './client.ts'
import { TokenFamilies, type Family, type RefreshToken } from './token-families.ts'

/**
 * A strict authorization server in a process of its own: codes and refresh tokens are good once, PKCE and the client's secret are
 * verified, a refresh token that comes again revokes the family. Its sessions have names (`sid`), and it says when one is over
 * (OpenID Connect Back-Channel Logout 1.0). It asks nobody for a password: `login_hint` says who signs in. The
 * test orders its faults and reads its book over HTTP.
 */

export interface Orders {
  /** Of access tokens issued from now on. */
  readonly lifetimeMs?: number
  /** Epoch milliseconds: access tokens issued from now on all expire at this instant. Over `lifetimeMs`. */
  readonly expireAt?: number
  /** Between the arrival of a refresh and its decision. */
  readonly thinkMs?: number
  /** A client that has hung up while the server thought gets no decision. */
  readonly noticesHangUp?: boolean
  /** Redemptions are decided and answered when this is no longer so. */
  readonly holdsAnswers?: boolean
  /** What happens to the answers of the next `count` refreshes. */
  readonly lose?: { readonly count: number; readonly how: 'dropped before' | 'dropped after' | '500 after' }
}

/** Who signs out, and where the client wants to hear of it: a balancer has chosen the worker. */
export interface SignOut {
  readonly subject: string
  readonly logoutUri: string
}

interface Code {
  readonly subject: string
  readonly nonce: string | null
  readonly challenge: string
  readonly redirectUri: string
  readonly scope: string
  family?: Family
}

const { leaseMs } = JSON.parse(process.argv[2] ?? '') as { leaseMs: number }
const families = new TokenFamilies()
const codes = new Map<string, Code>()
let orders: Orders = {}
let lost = 0
let release: () => void = () => {}
let released: Promise<void> = Promise.resolve()

const { publicKey, privateKey } = await generateKeyPair('ES256')
const jwk = { ...(await exportJWK(publicKey)), kid: 'one', alg: 'ES256', use: 'sig' }
const server = createServer((req, res) => {
  answer(req, res).catch((error: unknown) => {
    process.stderr.write(`${String(error)}\n`)
    res.destroy()
  })
})
server.listen(0, '127.0.0.1', () => process.send?.({ url: issuer() }))
process.on('disconnect', () => process.exit())

function issuer(): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
  const url = new URL(req.url ?? '/', issuer())
  const chunks: Buffer[] = []
  for await (const chunk of req) chunks.push(chunk as Buffer)
  const body = Buffer.concat(chunks).toString()
  switch (`${req.method} ${url.pathname}`) {
    case 'GET /.well-known/openid-configuration':
      return json(res, 200, metadata())
    case 'GET /jwks':
      return json(res, 200, { keys: [jwk] })
    case 'GET /authorize':
      return authorize(url.searchParams, res)
    case 'POST /token':
      return token(req, new URLSearchParams(body), res)
    case 'POST /revoke':
      if (!isClient(req)) return json(res, 401, { error: 'invalid_client' })
      families.revokeByToken(new URLSearchParams(body).get('token') ?? '', CLIENT.id)
      return json(res, 200, {})
    case 'GET /resource':
      return resource(req, res)
    case 'POST /test/orders':
      return obey(JSON.parse(body) as Orders, res)
    case 'POST /test/expire':
      families.expire(body)
      return json(res, 200, {})
    case 'POST /test/sign-out':
      return signOut(JSON.parse(body) as SignOut, res)
    case 'POST /test/judge': {
      const handedOut = JSON.parse(body) as { token: string; at: number }[]
      return json(res, 200, handedOut.map((given) => families.judge(given.token, given.at) ?? null)) // prettier-ignore
    }
    case 'GET /test/report':
      return json(res, 200, families.report(url.searchParams.get('group') ?? ''))
    default:
      return json(res, 404, { error: 'not_found' })
  }
}

function metadata(): object {
  return {
    issuer: issuer(),
    authorization_endpoint: `${issuer()}/authorize`,
    token_endpoint: `${issuer()}/token`,
    revocation_endpoint: `${issuer()}/revoke`,
    jwks_uri: `${issuer()}/jwks`,
    response_types_supported: ['code'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['ES256'],
    code_challenge_methods_supported: ['S256'],
    token_endpoint_auth_methods_supported: ['client_secret_basic'],
    authorization_response_iss_parameter_supported: true,
    backchannel_logout_supported: true,
    backchannel_logout_session_supported: true,
  }
}

function authorize(request: URLSearchParams, res: ServerResponse): void {
  const { client_id, redirect_uri, response_type, code_challenge, code_challenge_method, login_hint, nonce, scope } =
    Object.fromEntries(request)
  if (client_id !== CLIENT.id || redirect_uri !== CLIENT.redirectUri || response_type !== 'code')
    return json(res, 400, { error: 'invalid_request' })
  if (code_challenge_method !== 'S256' || code_challenge === undefined || login_hint === undefined)
    return json(res, 400, { error: 'invalid_request' })
  const code = randomBytes(24).toString('base64url')
  codes.set(code, { subject: login_hint, nonce: nonce ?? null, challenge: code_challenge, redirectUri: redirect_uri, scope: scope ?? '' }) // prettier-ignore
  const response = new URLSearchParams({ code, state: request.get('state') ?? '', iss: issuer() })
  res.writeHead(302, { location: `${redirect_uri}?${response.toString()}` }).end()
}

async function token(req: IncomingMessage, request: URLSearchParams, res: ServerResponse): Promise<void> {
  if (!isClient(req)) return json(res, 401, { error: 'invalid_client' })
  switch (request.get('grant_type')) {
    case 'authorization_code':
      return redeemCode(request, res)
    case 'refresh_token':
      return redeemRefreshToken(request, req, res)
    case null:
    default:
      return json(res, 400, { error: 'unsupported_grant_type' })
  }
}

/** RFC 6749 §4.1.2 and §10.5: a code is good once, and one that comes again takes its tokens with it. RFC 7636 §4.6: with its verifier. */
async function redeemCode(request: URLSearchParams, res: ServerResponse): Promise<void> {
  const code = codes.get(request.get('code') ?? '')
  if (code === undefined) return json(res, 400, { error: 'invalid_grant' })
  if (code.family !== undefined) {
    families.revoke(code.family, 'code replayed')
    return json(res, 400, { error: 'invalid_grant' })
  }
  const challenge = createHash('sha256')
    .update(request.get('code_verifier') ?? '')
    .digest('base64url')
  if (challenge !== code.challenge || request.get('redirect_uri') !== code.redirectUri)
    return json(res, 400, { error: 'invalid_grant' })
  code.family = families.start(CLIENT.id, code.subject, code.scope)
  return json(res, 200, await tokens(code.family, code.nonce))
}

async function redeemRefreshToken(
  request: URLSearchParams,
  { headers }: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  const by = String(headers['x-worker'])
  const claimedAt = Number(headers['x-claimed-at'])
  const { thinkMs = 0, noticesHangUp = false, lose } = orders
  const presented = families.present(request.get('refresh_token') ?? '', CLIENT.id)
  if (presented === undefined) return json(res, 400, { error: 'invalid_grant' })
  const fault = lose !== undefined && lost < lose.count ? lose.how : undefined
  if (fault !== undefined) lost += 1

  if (thinkMs > 0) await delay(thinkMs)
  // After a pause of the machine, timers run before what has arrived meanwhile is read.
  if (noticesHangUp) await delay(20)
  if (fault === 'dropped before' || (noticesHangUp && res.destroyed)) {
    families.giveUp(presented)
    return void res.destroy()
  }
  if (!families.decide(presented, by, Date.now() - claimedAt >= 2 * leaseMs))
    return json(res, 400, { error: 'invalid_grant' })
  const honest = await tokens(presented.family, null)
  await released
  deliver(presented, honest, fault, res)
}

function deliver({ family }: RefreshToken, honest: object, fault: string | undefined, res: ServerResponse): void {
  if (fault !== undefined || res.destroyed) family.undelivered += 1
  if (fault === 'dropped after') return void res.destroy()
  if (fault === '500 after') return json(res, 500, { error: 'server_error' })
  json(res, 200, honest)
}

async function tokens(family: Family, nonce: string | null): Promise<object> {
  const now = Date.now()
  // Whole seconds, as servers write them; rounded down, so that nobody takes a token for good that is not.
  const seconds = Math.max(1, Math.floor(((orders.expireAt ?? now + (orders.lifetimeMs ?? 1_000)) - now) / 1_000))
  const { accessToken, refreshToken } = families.issue(family, seconds * 1_000)
  const idToken = await sign('JWT', '1h', family, { ...(nonce !== null && { nonce }) })
  return {
    access_token: accessToken,
    token_type: 'Bearer',
    expires_in: seconds,
    refresh_token: refreshToken,
    id_token: idToken,
    scope: family.scope,
  }
}

async function sign(typ: string, lifetime: string, { subject, sid }: Family, claims: JWTPayload): Promise<string> {
  return new SignJWT({ ...claims, sid })
    .setProtectedHeader({ alg: 'ES256', kid: 'one', typ })
    .setIssuer(issuer())
    .setSubject(subject)
    .setAudience(CLIENT.id)
    .setIssuedAt()
    .setExpirationTime(lifetime)
    .sign(privateKey)
}

/** The end-user signs out here. Tells the client so (§2.5), once, and with nothing but the logout token; its tokens are its own to revoke. */
async function signOut({ subject, logoutUri }: SignOut, res: ServerResponse): Promise<void> {
  const family = families.find(subject)
  if (family === undefined) return json(res, 404, {})
  const events = { 'http://schemas.openid.net/event/backchannel-logout': {} }
  const logoutToken = await sign('logout+jwt', '2m', family, { jti: randomUUID(), events })
  const told = await fetch(logoutUri, { method: 'POST', body: new URLSearchParams({ logout_token: logoutToken }) })
  json(res, 200, { status: told.status })
}

function resource(req: IncomingMessage, res: ServerResponse): void {
  const judged = families.judge((req.headers.authorization ?? '').replace(/^Bearer /, ''), Date.now())
  if (judged?.isLive === true) return json(res, 200, { subject: judged.subject })
  res.setHeader('www-authenticate', 'Bearer error="invalid_token"')
  json(res, 401, { error: 'invalid_token' })
}

function obey(given: Orders, res: ServerResponse): void {
  orders = given
  lost = 0
  release()
  if (given.holdsAnswers === true) {
    released = new Promise((resolve) => {
      release = resolve
    })
  }
  json(res, 200, {})
}

/** RFC 6749 §2.3.1: both parts are form-encoded before they are joined. */
function isClient(req: IncomingMessage): boolean {
  const [scheme, credentials = ''] = (req.headers.authorization ?? '').split(' ')
  const [id = '', secret = ''] = Buffer.from(credentials, 'base64').toString().split(':')
  return scheme === 'Basic' && decodeURIComponent(id) === CLIENT.id && decodeURIComponent(secret) === CLIENT.secret
}

function json(res: ServerResponse, status: number, body: object): void {
  if (res.destroyed) return
  res.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' }).end(JSON.stringify(body))
}
