import type { Authorization } from '../core/codes.ts'
import { idTokenIssuer, type Hub } from './hub.ts'

/** ID Token of a code exchange (OIDC Core §2); `iss` has no slash at its end. */
export function idTokenJwt(hub: Hub, authorization: Authorization): string {
  const { state } = hub
  const issuedAt = Math.floor(state.now() / 1000)
  const key = state.switches.appLevelDiscovery ? hub.appKey : hub.tenantKey
  return key.sign({
    iss: idTokenIssuer(hub, hub.tenantOf.get(authorization) ?? ''),
    aud: authorization.clientId,
    sub: authorization.subject,
    iat: issuedAt,
    exp: issuedAt + state.lifetimes.accessTokenSeconds,
    nonce: authorization.nonce,
  })
}
