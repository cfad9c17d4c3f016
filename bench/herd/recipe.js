// The usual recipe: express-session, the tokens in it, and openid-client for the protocol.
import { promisify } from 'node:util'
import * as client from 'openid-client'
import { given } from '../support/contender.js'
import { redisSession } from '../support/redis-sessions.js'
import { baseUrl, SCOPE } from './app.js'

const REDIRECT_URI = `${baseUrl}/callback`
// oxlint-disable-next-line typescript/no-deprecated -- the authorization server is on this machine
const options = { execute: [client.allowInsecureRequests] }
const configuration = await client.discovery(
  new URL(given.issuer),
  given.client.clientId,
  given.client.clientSecret,
  undefined,
  options,
)

export function mountRecipe(app) {
  app.use(redisSession())
  app.get('/login', async (req, res) => {
    const verifier = client.randomPKCECodeVerifier()
    const state = client.randomState()
    req.session.signIn = { verifier, state }
    const url = client.buildAuthorizationUrl(configuration, {
      redirect_uri: REDIRECT_URI,
      scope: SCOPE,
      state,
      code_challenge: await client.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
    })
    res.redirect(url.href)
  })
  app.get('/callback', async (req, res) => {
    const { verifier, state } = req.session.signIn
    const url = new URL(req.originalUrl, baseUrl)
    const checks = { pkceCodeVerifier: verifier, expectedState: state, idTokenExpected: true }
    const answer = await client.authorizationCodeGrant(configuration, url, checks)
    await done((callback) => req.session.regenerate(callback))
    req.session.user = answer.claims()
    req.session.tokens = toTokens(answer)
    res.redirect('/')
  })
  app.use(['/token', '/write'], (req, res, next) => {
    if (req.session.tokens === undefined) return res.status(401).json({ error: 'sign in first' })
    next()
  })
}

export function isExpired({ expiresAt }) {
  return expiresAt <= Date.now()
}

export async function refresh(session) {
  const { refreshToken } = session.tokens
  session.tokens = toTokens(await client.refreshTokenGrant(configuration, refreshToken), refreshToken)
}

function toTokens(answer, oldRefreshToken) {
  return {
    accessToken: answer.access_token,
    refreshToken: answer.refresh_token ?? oldRefreshToken,
    idToken: answer.id_token,
    expiresAt: Date.now() + answer.expires_in * 1000,
  }
}

/** Waits for one of the session's callbacks. */
export function done(call) {
  return promisify(call)()
}
