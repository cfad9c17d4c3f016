import type { DocumentedForm } from '../documented.ts'

const CODE_PAGE = 'Authorisation code flow, HealthKey'
const PKCE_PAGE = 'Authorisation code with PKCE, HealthKey'
const TOOLKIT = 'Django OAuth Toolkit, which its paths and lifetimes point to'

export const healthKey: readonly DocumentedForm[] = [
  {
    purpose: 'authorization',
    evidence: 'documented',
    source: `${CODE_PAGE}; the challenge: ${PKCE_PAGE}`,
    http: `GET /o/authorize/?response_type=code
    &client_id=hk-client-01
    &redirect_uri=https%3A%2F%2Fapp.example%2Fauth%2Fhealthkey%2Fcallback
    &scope=profile%20payment
    &state=Zm9vYmFyLXN0YXRl
    &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM
    &code_challenge_method=S256 HTTP/1.1
Host: auth.healthkey.example`,
  },
  {
    purpose: 'code',
    evidence: 'documented',
    source: CODE_PAGE,
    note: 'The page writes the secret into the URL. RFC 6749 §2.3.1 forbids that, and servers of this family refuse it, so the form goes into the body; PROVIDER_TOKEN_REQUEST=query sends it as the page has it. The verifier belongs to PKCE, which another page recommends.',
    http: `POST /o/token/?code=7Qm2xV9cKd
    &grant_type=authorization_code
    &client_id=hk-client-01
    &client_secret=hk-secret-01
    &redirect_uri=https%3A%2F%2Fapp.example%2Fauth%2Fhealthkey%2Fcallback HTTP/1.1
Host: auth.healthkey.example`,
  },
  {
    purpose: 'code',
    evidence: 'inferred',
    source: `RFC 6749 §4.1.3; ${TOOLKIT}`,
    http: `POST /o/token/ HTTP/1.1
Host: auth.healthkey.example
Content-Type: application/x-www-form-urlencoded

grant_type=authorization_code&code=7Qm2xV9cKd&client_id=hk-client-01
&client_secret=hk-secret-01
&redirect_uri=https%3A%2F%2Fapp.example%2Fauth%2Fhealthkey%2Fcallback
&code_verifier=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk`,
  },
  {
    purpose: 'refresh',
    evidence: 'documented',
    source: CODE_PAGE,
    note: 'Redirect URI and PKCE verifier of the sign-in come along for as long as the grant lives. The page shows no secret here; a client that has one sends it.',
    http: `POST /o/token/?client_id=hk-client-01
    &refresh_token=b0b00000000000000000000000000000000000000000000000000000000f00d5
    &grant_type=refresh_token
    &redirect_uri=https%3A%2F%2Fapp.example%2Fauth%2Fhealthkey%2Fcallback
    &code_verifier=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk HTTP/1.1
Host: auth.healthkey.example`,
  },
  {
    purpose: 'refresh',
    evidence: 'inferred',
    source: `RFC 6749 §6, with what the page adds; ${TOOLKIT}`,
    http: `POST /o/token/ HTTP/1.1
Host: auth.healthkey.example
Content-Type: application/x-www-form-urlencoded

grant_type=refresh_token&refresh_token=b0b00000000000000000000000000000000000000000000000000000000f00d5
&client_id=hk-client-01&client_secret=hk-secret-01
&redirect_uri=https%3A%2F%2Fapp.example%2Fauth%2Fhealthkey%2Fcallback
&code_verifier=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk`,
  },
  {
    purpose: 'API call',
    evidence: 'documented',
    source: 'Payments, HealthKey',
    http: `POST /api/v1/transactions HTTP/1.1
Host: api.healthkey.example
Authorization: Bearer a11ce0000000000000000000000000000000000000000000000000000000c0de
Content-Type: application/json

{"products":[]}`,
  },
  {
    purpose: 'revocation',
    evidence: 'inferred',
    source: TOOLKIT,
    http: `POST /o/revoke_token/ HTTP/1.1
Host: auth.healthkey.example
Content-Type: application/x-www-form-urlencoded

token=b0b00000000000000000000000000000000000000000000000000000000f00d5
&token_type_hint=refresh_token&client_id=hk-client-01&client_secret=hk-secret-01`,
  },
]
