import { createPublicKey, verify } from 'node:crypto'

import { redirectAnswer, type Answer } from '../core/answers.ts'
import { errorPage } from '../core/pages.ts'
import { readParameters } from '../core/parameters.ts'
import type { RawRequest } from '../core/raw-http.ts'
import type { Privo } from './state.ts'

/** `GET /logout` (OpenID Connect RP-Initiated Logout §2): every parameter is optional. Tokens stay as they are. */
export function logOut(privo: Privo, request: RawRequest): Answer {
  const { state } = privo
  const parameters = readParameters(request.query)
  const hint = parameters('id_token_hint')
  if (hint !== undefined && !isOwnIdToken(privo, hint)) {
    return errorPage(state.provider, { error: 'invalid_request', description: 'id_token_hint is not one of ours.' })
  }
  const target = parameters('post_logout_redirect_uri')
  if (target !== undefined && !(state.client.postLogoutRedirectUris ?? []).includes(target)) {
    const description = 'post_logout_redirect_uri is not one of the registered values.'
    return errorPage(state.provider, { error: 'invalid_request', description })
  }

  state.interactions.forget(request)
  if (target !== undefined) return redirectAnswer(target, { state: parameters('state') })
  return { status: 200, headers: [['Content-Type', 'text/html;charset=UTF-8']], body: '<h1>You are signed out</h1>' }
}

/** One that has expired counts as well (§2). */
function isOwnIdToken({ key }: Privo, jwt: string): boolean {
  const [header = '', claims = '', signature = ''] = jwt.split('.')
  const [jwk] = key.jwks().keys
  if (jwk === undefined) return false
  const publicKey = createPublicKey({ key: jwk, format: 'jwk' })
  return verify('sha256', Buffer.from(`${header}.${claims}`), publicKey, Buffer.from(signature, 'base64url'))
}
