// A strict authorization server, in a process of its own: each refresh token is good once, and a second time revokes all that came of the
// same sign-in (RFC 9700 §4.14.2). The decision is one step, so that of two simultaneous requests one always loses; oidc-provider, which
// the other suites use, looks and writes in two. There are no pages: whoever asks is signed in, each time as somebody new.
import { createHash, randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'

const { port, clients, keepAliveMs } = JSON.parse(process.env.BENCH)
const issuer = `http://127.0.0.1:${port}`
const { privateKey, publicKey } = await generateKeyPair('RS256')
const jwk = { ...(await exportJWK(publicKey)), kid: 'bench', alg: 'RS256', use: 'sig' }

/**
 * By client, changed by the message `set`. `stopAt`: the refresh request that gets there first goes no further until its connection is
 * gone. `dropsAbandoned`: a request whose connection is gone before the decision is not decided.
 */
const settings = Object.fromEntries(
  Object.keys(clients).map((clientId) => [clientId, { answerMs: 0, lifetimeSeconds: 3600, dropsAbandoned: false }]),
)

/** By subject: what became of one sign-in. */
const families = new Map()
const codes = new Map()
const refreshTokens = new Map()
const accessTokens = new Map()

const routes = {
  'GET /.well-known/openid-configuration': () => ({
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    jwks_uri: `${issuer}/jwks`,
    revocation_endpoint: `${issuer}/revoke`,
    introspection_endpoint: `${issuer}/introspect`,
    response_types_supported: ['code'],
    response_modes_supported: ['query'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['RS256'],
    code_challenge_methods_supported: ['S256'],
    token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
    authorization_response_iss_parameter_supported: true,
  }),
  'GET /jwks': () => ({ keys: [jwk] }),
  'GET /authorize': authorize,
  'POST /token': token,
  'POST /revoke': revoke,
}

const server = createServer((req, res) => void handle(req, res))
server.on('connection', (socket) => socket.setNoDelay(true))
server.listen({ port, host: '127.0.0.1', backlog: 4096 }).keepAliveTimeout = keepAliveMs

async function handle(req, res) {
  const [path, query] = req.url.split('?', 2)
  const route = routes[`${req.method} ${path}`]
  if (route === undefined) return res.writeHead(404).end()
  const body = (await req.setEncoding('utf8').toArray()).join('')
  const result = await route(new URLSearchParams(req.method === 'GET' ? query : body), req, res)
  if (result === undefined || res.destroyed) return
  const { status = 200, ...json } = result
  res.writeHead(status, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' }).end(JSON.stringify(json))
}

function authorize(request, _req, res) {
  const { client_id: clientId, redirect_uri: redirectUri, state } = Object.fromEntries(request)
  if (!clients[clientId]?.includes(redirectUri)) return { status: 400, error: 'invalid_request' }
  const sub = random(12)
  const family = { sub, clientId, presented: 0, alarms: 0, unheard: 0, revokedAt: undefined, expiresAt: 0 }
  families.set(sub, family)
  const code = random()
  codes.set(code, { family, nonce: request.get('nonce') ?? undefined, challenge: request.get('code_challenge') })
  const response = new URLSearchParams({ code, state, iss: issuer })
  res.writeHead(303, { Location: `${redirectUri}?${response}` }).end()
}

async function token(request, req, res) {
  if (request.get('grant_type') !== 'refresh_token') {
    const { family, nonce, challenge } = take(codes, request.get('code')) ?? {}
    const verifier = createHash('sha256').update(request.get('code_verifier') ?? '').digest('base64url') // prettier-ignore
    return family === undefined || (challenge !== null && challenge !== verifier)
      ? invalidGrant()
      : issue(family, nonce)
  }

  // Before, and after, the decision; as a database and a signature take their time.
  const presented = refreshTokens.get(request.get('refresh_token'))
  if (presented === undefined) return invalidGrant()
  const { family } = presented
  const { answerMs, dropsAbandoned } = settings[family.clientId]
  family.presented += 1
  await stop('sent', req, family)
  await sleep(answerMs / 2)
  if (dropsAbandoned && res.destroyed) return undefined
  const isAccepted = decide(presented)
  const answer = isAccepted ? await issue(family) : invalidGrant()
  if (isAccepted) await stop('decided', req, family)
  await sleep(answerMs / 2)
  if (isAccepted && res.destroyed) family.unheard += 1
  return answer
}

/** In one step. */
function decide(presented) {
  const { family } = presented
  if (family.revokedAt !== undefined) return false
  if (presented.isSpent) {
    family.alarms += 1
    family.revokedAt = Date.now()
    return false
  }
  presented.isSpent = true
  return true
}

async function issue(family, nonce) {
  const { lifetimeSeconds } = settings[family.clientId]
  const answer = {
    access_token: random(),
    token_type: 'Bearer',
    expires_in: lifetimeSeconds,
    refresh_token: random(),
    scope: 'openid profile email offline_access',
  }
  const issuedAt = Date.now()
  const expiresAt = issuedAt + lifetimeSeconds * 1000
  family.expiresAt = expiresAt
  accessTokens.set(answer.access_token, { family, issuedAt, expiresAt })
  refreshTokens.set(answer.refresh_token, { family, isSpent: false })
  const claims = { sub: family.sub, name: 'Alice Liddell', email: `${family.sub}@example.com`, nonce }
  const idToken = new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid: 'bench' })
  idToken.setIssuer(issuer).setAudience(family.clientId).setIssuedAt().setExpirationTime('1h')
  return { ...answer, id_token: await idToken.sign(privateKey) }
}

function revoke(request) {
  const found = refreshTokens.get(request.get('token')) ?? accessTokens.get(request.get('token'))
  if (found !== undefined) found.family.revokedAt ??= Date.now()
  return {}
}

/** Tells the bench which process waits here, and goes on when its connection is gone. */
async function stop(point, req, { clientId }) {
  if (settings[clientId].stopAt !== point) return
  settings[clientId].stopAt = undefined
  const gone = new Promise((resolve) => req.socket.once('close', resolve))
  process.send({ clientId, pid: Number(req.headers['bench-process']) })
  await gone
}

/** Why a resource server would have refused this token at that time; `null` if it would not. */
function complaint({ token: value, sub, at }) {
  const found = accessTokens.get(value)
  if (found === undefined) return 'a token that nobody issued'
  const { family, expiresAt } = found
  if (family.sub !== sub) return `another user's token`
  if (at >= expiresAt) return 'an expired token'
  return family.revokedAt !== undefined && at >= family.revokedAt ? 'a revoked token' : null
}

const messages = {
  set: ({ clientId, ...changes }) => void Object.assign(settings[clientId], changes),
  check: (handedOut) => handedOut.map(complaint),
  /** What happened to these subjects so far. */
  families: (subjects) => subjects.map((sub) => families.get(sub)),
}

process.on('message', ({ id, name, argument }) => process.send({ id, result: messages[name](argument) ?? null }))
process.on('SIGTERM', () => process.exit(0))

function take(map, key) {
  const value = map.get(key)
  map.delete(key)
  return value
}

function invalidGrant() {
  return { status: 400, error: 'invalid_grant' }
}

function random(bytes = 32) {
  return randomBytes(bytes).toString('base64url')
}
