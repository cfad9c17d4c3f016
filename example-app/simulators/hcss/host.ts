import { emptyAnswer, type Answer } from '../core/answers.ts'
import { headerOf, type RawRequest } from '../core/raw-http.ts'
import type { SigningKey } from '../core/signing-key.ts'
import type { HcssState } from './state.ts'
import { hcssApi } from './api.ts'
import { authorize } from './authorization-endpoint.ts'
import { discoveryDocument, endSession, jwks, revoke } from './other-endpoints.ts'
import { answerTokenRequest } from './token-endpoint.ts'

/** Answers like an IdentityServer at `/identity` and an ASP.NET API beside it. No path takes a slash at its end. */
export function hcssHost(state: HcssState, key: SigningKey): (request: RawRequest) => Answer {
  const api = hcssApi(state)
  return (request) => {
    const { wafUserAgent } = state.switches
    if (wafUserAgent !== undefined && !wafUserAgent.test(headerOf(request, 'user-agent') ?? '')) return FIREWALL

    switch (request.path) {
      case '/identity/connect/authorize':
        return authorize(state, request)
      case '/identity/connect/token':
        return answerTokenRequest(state, request)
      case '/identity/connect/revocation':
        return revoke(state, request)
      case '/identity/connect/endsession':
        return endSession(state, key, request)
      case '/identity/.well-known/openid-configuration':
        return discoveryDocument(state)
      case '/identity/.well-known/openid-configuration/jwks':
        return jwks(state, key)
      default:
        return api(request) ?? emptyAnswer(404)
    }
  }
}

const FIREWALL: Answer = {
  status: 403,
  headers: [['Content-Type', 'text/html']],
  body: '<html><head><title>403 Forbidden</title></head><body><h1>403 Forbidden</h1></body></html>',
}
