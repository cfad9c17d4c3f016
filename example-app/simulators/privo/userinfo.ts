import { jsonAnswer, type Answer } from '../core/answers.ts'
import { bearerToken, userOf } from '../core/bearer.ts'
import { readParameters } from '../core/parameters.ts'
import { headerOf, type RawRequest } from '../core/raw-http.ts'
import type { Privo } from './state.ts'
import { challengeAnswer, errorAnswer, methodAnswer, REALM, unauthenticatedAnswer } from './answers.ts'

/** Which claims a scope brings; the rest comes with `openid`. */
const CLAIMS_BY_SCOPE: Readonly<Record<'user_profile' | 'additional_info', readonly string[]>> = {
  user_profile: ['display_names', 'minor', 'teen', 'teacher', 'student', 'approved', 'birthdate_time'],
  additional_info: ['role_identifier', 'permissions', 'site_token', 'shadow_account', 'verification_tier'],
}

/** `GET /userinfo`. */
export function userInfo(privo: Privo, request: RawRequest): Answer {
  if (request.method !== 'GET') return methodAnswer(request.method)
  const value = bearerToken(headerOf(request, 'authorization'))
  if (value === undefined) return unauthenticatedAnswer()

  const presented = privo.state.tokens.presentAccessToken(value)
  if (presented.kind !== 'valid') {
    return challengeAnswer(`Bearer ${REALM}`, 'invalid_token', `Invalid access token: ${value}`)
  }
  const { scope, subject } = presented.token.authorization
  const claims = claimsOf(privo, subject)
  if (claims === undefined || !scope.includes('openid')) {
    return challengeAnswer(`Bearer ${REALM}`, 'insufficient_scope', 'Insufficient scope for this resource', 403)
  }
  if (privo.state.switches.serviceIdRequired && readParameters(request.query)('service_id') === undefined) {
    return errorAnswer(400, 'invalid_request', 'Missing service_id')
  }

  const hidden = Object.entries(CLAIMS_BY_SCOPE).flatMap(([name, names]) => (scope.includes(name) ? [] : names))
  const shown = Object.entries(claims).filter(([name]) => !hidden.includes(name))
  return jsonAnswer(200, [['Content-Type', 'application/json']], Object.fromEntries(shown))
}

/** @returns what stands as `sub` in tokens; undefined for the partner's own. */
export function subjectOf(privo: Privo, login: string | undefined): string | undefined {
  return claimsOf(privo, login)?.sub
}

interface Claims {
  readonly sub: string
  readonly [claim: string]: unknown
}

function claimsOf({ claims }: Privo, login: string | undefined): Claims | undefined {
  const user = userOf(login)
  if (user === undefined) return undefined

  const permission = {
    on: true,
    feature_identifier: 'f1',
    feature_category: 'c',
    feature_active: true,
    request_time: 1735689600,
    consent_time: null,
  }
  const madeUp: Claims = {
    sub: user.login,
    given_name: user.name.split(' ')[0],
    locale: 'en',
    email_verified: true,
    role_identifier: 'r-parent',
    preferred_username: user.login,
    display_names: [{ type: 'default', display_name: user.name }],
    minor: false,
    site_token: `site-${user.login}`,
    verification_tier: 1,
    permissions: [permission],
  }
  return claims[user.login] ?? madeUp
}
