import type { DocumentedForm } from '../documented.ts'

const CODE_PAGE = 'Authorization code, HCSS Developer'
const FAMILY = 'IdentityServer, which its paths point to'

export const hcss: readonly DocumentedForm[] = [
  {
    purpose: 'authorization',
    evidence: 'documented',
    source: `${CODE_PAGE}; PKCE: Authenticating users, HCSS Partners`,
    http: `GET /identity/connect/authorize?client_id=hcss-client-01
    &scope=heavyjob%3Aread%20offline_access
    &response_type=code
    &redirect_uri=https%3A%2F%2Fapp.example%2Fauth%2Fhcss%2Fcallback
    &state=c3RhdGUtaGNzcw
    &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM
    &code_challenge_method=S256 HTTP/1.1
Host: api.hcssapps.com`,
  },
  {
    purpose: 'code',
    evidence: 'documented',
    source: `${CODE_PAGE}; the name of the verifier is inferred`,
    note: 'A client with a secret adds client_secret to the form (Token, HCSS Identity API).',
    http: `POST /identity/connect/token HTTP/1.1
Host: api.hcssapps.com
Content-Type: application/x-www-form-urlencoded

grant_type=authorization_code&client_id=hcss-client-01&code=9F1C4A6E
&redirect_uri=https%3A%2F%2Fapp.example%2Fauth%2Fhcss%2Fcallback
&code_verifier=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk`,
  },
  {
    purpose: 'refresh',
    evidence: 'inferred',
    source: `RFC 6749 §6; ${FAMILY}. HCSS documents no refresh`,
    http: `POST /identity/connect/token HTTP/1.1
Host: api.hcssapps.com
Content-Type: application/x-www-form-urlencoded

grant_type=refresh_token&refresh_token=5E0B7C&client_id=hcss-client-01`,
  },
  {
    purpose: 'API call',
    evidence: 'documented',
    source: 'Troubleshoot unauthorized, HCSS Developer',
    http: `GET /heavyjob/api/v1/businessUnits HTTP/1.1
Host: api.hcssapps.com
Authorization: Bearer eyJ0eXAiOiJKV1QifQ.e30.c2ln`,
  },
  {
    purpose: 'user info',
    evidence: 'inferred',
    source: FAMILY,
    http: `GET /identity/connect/userinfo HTTP/1.1
Host: api.hcssapps.com
Authorization: Bearer eyJ0eXAiOiJKV1QifQ.e30.c2ln`,
  },
  {
    purpose: 'revocation',
    evidence: 'inferred',
    source: FAMILY,
    http: `POST /identity/connect/revocation HTTP/1.1
Host: api.hcssapps.com
Content-Type: application/x-www-form-urlencoded

token=5E0B7C&token_type_hint=refresh_token&client_id=hcss-client-01`,
  },
]
