import { randomUUID } from 'node:crypto'

import type { Authorization } from '../core/codes.ts'
import type { Privo } from './state.ts'
import { subjectOf } from './userinfo.ts'

const ID_TOKEN_SECONDS = 600

/** What the server calls itself: MITREid Connect's issuer ends in a slash. */
export function issuerOf({ state }: Privo): string {
  return state.switches.issuerSlash ? `${state.url}/` : state.url
}

export function accessTokenJwt(privo: Privo, authorization: Authorization): string {
  const seconds = Math.floor(privo.state.now() / 1000)
  return sign(privo, {
    sub: subjectOf(privo, authorization.subject) ?? authorization.clientId,
    azp: authorization.clientId,
    iss: issuerOf(privo),
    exp: seconds + privo.state.lifetimes.accessTokenSeconds,
    iat: seconds,
    jti: randomUUID(),
  })
}

/** ID Token (OIDC Core §2) that lives ten minutes. */
export function idTokenJwt(privo: Privo, { clientId, subject, nonce }: Authorization): string {
  const seconds = Math.floor(privo.state.now() / 1000)
  return sign(privo, {
    iss: issuerOf(privo),
    aud: clientId,
    sub: subjectOf(privo, subject),
    iat: seconds,
    exp: seconds + ID_TOKEN_SECONDS,
    nonce,
    jti: randomUUID(),
  })
}

/** The samples have `kid` before `alg`. */
function sign({ key }: Privo, claims: Readonly<Record<string, unknown>>): string {
  return key.sign(claims, { kid: key.kid, alg: 'RS256' })
}
