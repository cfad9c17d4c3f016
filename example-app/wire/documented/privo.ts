import type { DocumentedForm } from '../documented.ts'

const CODE_PAGE = 'Authorization code, PRIVO'
const WORKING = 'A public integration that works with PRIVO'

export const privo: readonly DocumentedForm[] = [
  {
    purpose: 'authorization',
    evidence: 'documented',
    source: `${CODE_PAGE}; Authorization endpoint, PRIVO`,
    note: 'The pages label it POST with all parameters in the URL. A redirect is a GET, and works. PKCE is ours: not documented, but known to work.',
    http: `POST /oauth/authorize?response_type=code
    &client_id=partner01
    &redirect_uri=https%3A%2F%2Fapp.example%2Fauth%2Fprivo%2Fcallback%3F
    &scope=openid%20profile%20user_profile%20additional_info
    &state=cHJpdm8tc3RhdGU
    &nonce=n-4711 HTTP/1.1
Host: privo.example`,
  },
  {
    purpose: 'code',
    evidence: 'documented',
    source: CODE_PAGE,
    note: 'The page labels a form as JSON. Servers of this family do not read a form with that label, so it goes as what it is; PROVIDER_TOKEN_CONTENT_TYPE=application/json sends the label of the page.',
    http: `POST /auth/token HTTP/1.1
Host: privo.example
Content-Type: application/json
Authorization: Basic cGFydG5lcjAxOnNlY3JldDAx

grant_type=authorization_code&code=SpX4b2K9
&redirect_uri=https%3A%2F%2Fapp.example%2Fauth%2Fprivo%2Fcallback%3F`,
  },
  {
    purpose: 'code',
    evidence: 'seen',
    source: WORKING,
    http: `POST /token HTTP/1.1
Host: privo.example
Content-Type: application/x-www-form-urlencoded
Authorization: Basic cGFydG5lcjAxOnNlY3JldDAx

grant_type=authorization_code&code=SpX4b2K9
&redirect_uri=https%3A%2F%2Fapp.example%2Fauth%2Fprivo%2Fcallback%3F
&code_verifier=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk`,
  },
  {
    purpose: 'refresh',
    evidence: 'documented',
    source: 'Refresh token, PRIVO',
    note: 'The page writes the secret into the URL, which RFC 6749 §2.3.1 forbids, and names another path than the page of the code exchange. The app sends what the code exchange does.',
    http: `POST /token?client_id=partner01
    &client_secret=secret01
    &grant_type=refresh_token
    &refresh_token=8aBcDeFgH1 HTTP/1.1
Host: privo.example
Content-Type: application/x-www-form-urlencoded`,
  },
  {
    purpose: 'refresh',
    evidence: 'inferred',
    source: 'RFC 6749 §6; MITREid Connect, which its tokens point to',
    http: `POST /auth/token HTTP/1.1
Host: privo.example
Content-Type: application/x-www-form-urlencoded
Authorization: Basic cGFydG5lcjAxOnNlY3JldDAx

grant_type=refresh_token&refresh_token=8aBcDeFgH1`,
  },
  {
    purpose: 'user info',
    evidence: 'documented',
    source: 'Userinfo, PRIVO',
    http: `GET /userinfo HTTP/1.1
Host: privo.example
Authorization: Bearer eyJ0eXAiOiJKV1QifQ.e30.c2ln`,
  },
  {
    purpose: 'revocation',
    evidence: 'inferred',
    source: 'RFC 7009; MITREid Connect, which its tokens point to',
    http: `POST /revoke HTTP/1.1
Host: privo.example
Content-Type: application/x-www-form-urlencoded
Authorization: Basic cGFydG5lcjAxOnNlY3JldDAx

token=8aBcDeFgH1&token_type_hint=refresh_token`,
  },
  {
    purpose: 'sign-out',
    evidence: 'documented',
    source: 'Logout, PRIVO',
    note: 'All parameters are optional. Without id_token_hint no ID Token is shown to the browser.',
    http: `GET /logout?id_token_hint=eyJ0eXAiOiJKV1QifQ.e30.c2ln
    &post_logout_redirect_uri=https%3A%2F%2Fapp.example%2Fbye
    &state=xyz HTTP/1.1
Host: privo.example`,
  },
]
