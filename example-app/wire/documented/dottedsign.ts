import type { DocumentedForm } from '../documented.ts'

const CODE_PAGE = 'Authorization code flow, DottedSign Developer'
const JSON_SEEN =
  'The page lists the parameters but not how to write them. JSON is what the vendor’s own web client sends.'

export const dottedSign: readonly DocumentedForm[] = [
  {
    purpose: 'authorization',
    evidence: 'documented',
    source: CODE_PAGE,
    note: 'The page mentions neither state nor PKCE. The app sends both: without state anybody could sign you in as somebody else.',
    http: `GET /v1/oauth/authorize?client_id=ds-client-01
    &response_type=code
    &redirect_uri=https%3A%2F%2Fapp.example%2Fauth%2Fdottedsign%2Fcallback
    &scope=sign_tasks.general.read%20sign_tasks.general.write HTTP/1.1
Host: api.dottedsign.example`,
  },
  {
    purpose: 'code',
    evidence: 'seen',
    source: `Parameters: ${CODE_PAGE}. JSON: the self-hosted edition’s own client`,
    note: JSON_SEEN,
    http: `POST /v1/oauth/token HTTP/1.1
Host: api.dottedsign.example
Content-Type: application/json

{"client_id":"ds-client-01","client_secret":"ds-secret-01","grant_type":"authorization_code",
 "code":"dsC0de1","redirect_uri":"https://app.example/auth/dottedsign/callback"}`,
  },
  {
    purpose: 'code',
    evidence: 'inferred',
    source: 'Doorkeeper, which the self-hosted edition runs on, reads forms as well',
    http: `POST /v1/oauth/token HTTP/1.1
Host: api.dottedsign.example
Content-Type: application/x-www-form-urlencoded

client_id=ds-client-01&client_secret=ds-secret-01&grant_type=authorization_code
&code=dsC0de1&redirect_uri=https%3A%2F%2Fapp.example%2Fauth%2Fdottedsign%2Fcallback`,
  },
  {
    purpose: 'refresh',
    evidence: 'seen',
    source: `Parameters: ${CODE_PAGE}. JSON: the self-hosted edition’s own client`,
    note: JSON_SEEN,
    http: `POST /v1/oauth/token HTTP/1.1
Host: api.dottedsign.example
Content-Type: application/json

{"client_id":"ds-client-01","client_secret":"ds-secret-01","grant_type":"refresh_token","refresh_token":"dsRT0001"}`,
  },
  {
    purpose: 'API call',
    evidence: 'documented',
    source: 'Error handling, DottedSign Developer',
    http: `GET /v1/sign_tasks/list?page=1
    &per_page=10 HTTP/1.1
Host: api.dottedsign.example
Authorization: Bearer dsAT0001`,
  },
  {
    purpose: 'user info',
    evidence: 'seen',
    source: 'The self-hosted edition',
    http: `GET /v1/members/me HTTP/1.1
Host: api.dottedsign.example
Authorization: Bearer dsAT0001`,
  },
  {
    purpose: 'revocation',
    evidence: 'inferred',
    source: 'Doorkeeper, which the self-hosted edition runs on',
    http: `POST /v1/oauth/revoke HTTP/1.1
Host: api.dottedsign.example
Content-Type: application/x-www-form-urlencoded

token=dsRT0001&token_type_hint=refresh_token&client_id=ds-client-01&client_secret=ds-secret-01`,
  },
]
