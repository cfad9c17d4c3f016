import { jsonAnswer, type Answer } from '../core/answers.ts'
import { idTokenIssuer, JSON_HEADERS, tenantIssuer, type TenantHub } from './hub.ts'

/** `GET /{tenant}/.well-known/openid-configuration`. */
export function tenantMetadata(hub: TenantHub): Answer {
  return metadata(hub, tenantIssuer(hub, hub.tenant), 'oauth2/v1/certs')
}

/** `GET /{tenant}/App/{appid}/.well-known/openid-configuration`: the tenant's endpoints, and the app's own certificate. */
export function appMetadata(hub: TenantHub): Answer {
  return metadata(hub, idTokenIssuer(hub, hub.tenant), `App/${hub.state.client.clientId}/oauth2/v1/certs`)
}

function metadata(hub: TenantHub, issuer: string, certificates: string): Answer {
  const slash = hub.state.switches.slash === 'with' ? '/' : ''
  const at = (path: string): string => `${tenantIssuer(hub, hub.tenant)}/${path}${slash}`
  return jsonAnswer(200, JSON_HEADERS, {
    issuer,
    authorization_endpoint: at('oauth2/v1/auth'),
    token_endpoint: at('oauth2/v1/token'),
    userinfo_endpoint: at('oauth2/v1/userinfo'),
    jwks_uri: at(certificates),
    claims_parameter_supported: false,
  })
}

/** `GET …/oauth2/v1/certs`. */
export function tenantCertificates({ tenantKey }: TenantHub): Answer {
  return jsonAnswer(200, JSON_HEADERS, tenantKey.jwks())
}

export function appCertificates({ appKey }: TenantHub): Answer {
  return jsonAnswer(200, JSON_HEADERS, appKey.jwks())
}
