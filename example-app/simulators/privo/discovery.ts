import { jsonAnswer, type Answer } from '../core/answers.ts'
import type { Privo } from './state.ts'
import { issuerOf } from './jwts.ts'

/** `GET /.well-known/openid-configuration`, with what MITREid Connect says of itself, `none` and `HS256` included. */
export function metadata(privo: Privo): Answer {
  const { url, switches } = privo.state
  return jsonAnswer(200, [['Content-Type', 'application/json;charset=UTF-8']], {
    issuer: issuerOf(privo),
    authorization_endpoint: `${url}/oauth/authorize`,
    token_endpoint: `${url}${switches.tokenPaths.at(-1) ?? '/token'}`,
    userinfo_endpoint: `${url}/userinfo`,
    end_session_endpoint: `${url}/logout`,
    jwks_uri: `${url}/jwk`,
    response_types_supported: ['code', 'token'],
    grant_types_supported: ['authorization_code', 'implicit', 'client_credentials', 'refresh_token'],
    subject_types_supported: ['public'],
    scopes_supported: ['openid', 'profile', 'email', 'address', 'phone', 'offline_access'],
    token_endpoint_auth_methods_supported: ['client_secret_post', 'client_secret_basic', 'none'],
    id_token_signing_alg_values_supported: ['HS256', 'RS256', 'none'],
    code_challenge_methods_supported: ['plain', 'S256'],
    claims_parameter_supported: false,
  })
}

/** `GET /jwk`. */
export function certificates({ key }: Privo): Answer {
  return jsonAnswer(200, [['Content-Type', 'application/json;charset=UTF-8']], key.jwks())
}
