import { randomUUID } from 'node:crypto'

import type { Authorization } from '../core/codes.ts'
import type { SigningKey } from '../core/signing-key.ts'
import type { HcssState } from './state.ts'

/** What the server calls itself. */
export function issuerOf({ switches, url }: HcssState): string {
  return switches.issuer ?? `${url}/identity`
}

/** A self-contained access token, with the `CompanyId` that partners read. */
export function accessTokenJwt(state: HcssState, key: SigningKey, authorization: Authorization): string {
  const seconds = Math.floor(state.now() / 1000)
  const claims = {
    iss: issuerOf(state),
    nbf: seconds,
    iat: seconds,
    exp: seconds + state.lifetimes.accessTokenSeconds,
    client_id: authorization.clientId,
    sub: authorization.subject,
    CompanyId: '1',
    scope: authorization.scope,
    jti: randomUUID(),
  }
  return key.sign(claims, { typ: 'at+jwt' })
}

/** Lives five minutes, the default of IdentityServer. */
export function idTokenJwt(state: HcssState, key: SigningKey, authorization: Authorization): string {
  const seconds = Math.floor(state.now() / 1000)
  const { clientId, subject, nonce } = authorization
  return key.sign(
    {
      iss: issuerOf(state),
      nbf: seconds,
      iat: seconds,
      exp: seconds + 300,
      aud: clientId,
      nonce,
      sub: subject,
      idp: 'local',
    },
    { typ: 'JWT' },
  )
}
