import type { DocumentedForm } from '../documented.ts'

/** The demo's own server follows the specifications, so they are its documentation. */
export const openIdConnect: readonly DocumentedForm[] = [
  {
    purpose: 'discovery',
    evidence: 'documented',
    source: 'OpenID Connect Discovery 1.0 §4.1',
    http: `GET /.well-known/openid-configuration HTTP/1.1
Host: server.example.com`,
  },
  {
    purpose: 'authorization',
    evidence: 'documented',
    source: 'OpenID Connect Core 1.0 §3.1.2.1; RFC 7636 §4.3',
    http: `GET /auth?response_type=code
    &scope=openid%20profile%20email
    &client_id=s6BhdRkqt3
    &state=af0ifjsldkj
    &nonce=n-0S6_WzA2Mj
    &redirect_uri=https%3A%2F%2Fclient.example.org%2Fcb
    &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM
    &code_challenge_method=S256 HTTP/1.1
Host: server.example.com`,
  },
  {
    purpose: 'code',
    evidence: 'documented',
    source: 'OpenID Connect Core 1.0 §3.1.3.1; RFC 7636 §4.5',
    http: `POST /token HTTP/1.1
Host: server.example.com
Content-Type: application/x-www-form-urlencoded
Authorization: Basic czZCaGRSa3F0MzpnWDFmQmF0M2JW

grant_type=authorization_code&code=SplxlOBeZQQYbYS6WxSbIA
&redirect_uri=https%3A%2F%2Fclient.example.org%2Fcb
&code_verifier=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk`,
  },
  {
    purpose: 'refresh',
    evidence: 'documented',
    source: 'RFC 6749 §6',
    http: `POST /token HTTP/1.1
Host: server.example.com
Content-Type: application/x-www-form-urlencoded
Authorization: Basic czZCaGRSa3F0MzpnWDFmQmF0M2JW

grant_type=refresh_token&refresh_token=tGzv3JOkF0XG5Qx2TlKWIA`,
  },
  {
    purpose: 'revocation',
    evidence: 'documented',
    source: 'RFC 7009 §2.1',
    http: `POST /token/revocation HTTP/1.1
Host: server.example.com
Content-Type: application/x-www-form-urlencoded
Authorization: Basic czZCaGRSa3F0MzpnWDFmQmF0M2JW

token=45ghiukldjahdnhzdauz&token_type_hint=refresh_token`,
  },
  {
    purpose: 'sign-out',
    evidence: 'documented',
    source: 'OpenID Connect RP-Initiated Logout 1.0 §2',
    http: `GET /session/end?client_id=s6BhdRkqt3
    &post_logout_redirect_uri=https%3A%2F%2Fclient.example.org%2F
    &state=af0ifjsldkj HTTP/1.1
Host: server.example.com`,
  },
]
