import type { DocumentedForm } from '../documented.ts'

const SLASH =
  'The page ends this path in a slash, the discovery document and the SDKs do not. Both work; the app goes by the latter.'

export const theIdentityHub: readonly DocumentedForm[] = [
  {
    purpose: 'authorization',
    evidence: 'documented',
    source: 'OAuth 2.0 Authorization Endpoint, The Identity Hub',
    note: SLASH,
    http: `GET /contoso/oauth2/v1/auth/?response_type=code
    &client_id=tih-client-01
    &redirect_uri=https%3A%2F%2Fapp.example%2Fauth%2Ftih%2Fcallback
    &scope=openid%20profile.read
    &state=dGloLXN0YXRl
    &nonce=n-8812
    &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM
    &code_challenge_method=S256 HTTP/1.1
Host: www.theidentityhub.com`,
  },
  {
    purpose: 'code',
    evidence: 'documented',
    source: 'OAuth 2.0 Token Endpoint, The Identity Hub',
    note: SLASH,
    http: `POST /contoso/oauth2/v1/token/ HTTP/1.1
Host: www.theidentityhub.com
Content-Type: application/x-www-form-urlencoded

grant_type=authorization_code&code=X1Y2Z3&client_id=tih-client-01&client_secret=tih-secret-01
&redirect_uri=https%3A%2F%2Fapp.example%2Fauth%2Ftih%2Fcallback
&code_verifier=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk`,
  },
  {
    purpose: 'refresh',
    evidence: 'documented',
    source: 'Authorization code grant, The Identity Hub',
    note: SLASH,
    http: `POST /contoso/oauth2/v1/token/ HTTP/1.1
Host: www.theidentityhub.com
Content-Type: application/x-www-form-urlencoded

grant_type=refresh_token&refresh_token=TIHRT0001&client_id=tih-client-01&client_secret=tih-secret-01`,
  },
  {
    purpose: 'API call',
    evidence: 'documented',
    source: 'Get identity, The Identity Hub REST API',
    http: `GET /contoso/api/identity/v1 HTTP/1.1
Host: www.theidentityhub.com
Authorization: Bearer TIHAT0001`,
  },
  {
    purpose: 'user info',
    evidence: 'documented',
    source: 'OpenID Connect UserInfo Endpoint, The Identity Hub',
    http: `GET /contoso/oauth2/v1/userinfo HTTP/1.1
Host: www.theidentityhub.com
Authorization: Bearer TIHAT0001`,
  },
  {
    purpose: 'revocation',
    evidence: 'documented',
    source: 'OAuth 2.0 Revoke Endpoint, The Identity Hub',
    note: `Access tokens only: a refresh token is refused with unsupported_token_type. A client with a secret sends it. ${SLASH}`,
    http: `POST /contoso/oauth2/v1/revoke/ HTTP/1.1
Host: www.theidentityhub.com
Content-Type: application/x-www-form-urlencoded

token=TIHAT0002&client_id=tih-client-01&token_type_hint=access_token`,
  },
  {
    purpose: 'discovery',
    evidence: 'documented',
    source: 'OpenID Connect Discovery Endpoint, The Identity Hub',
    http: `GET /contoso/.well-known/openid-configuration HTTP/1.1
Host: www.theidentityhub.com`,
  },
  {
    purpose: 'keys',
    evidence: 'documented',
    source: 'jwks_uri of the discovery document, The Identity Hub',
    http: `GET /contoso/oauth2/v1/certs HTTP/1.1
Host: www.theidentityhub.com`,
  },
]
