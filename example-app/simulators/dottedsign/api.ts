import { DEMO_ACCOUNTS } from '../../authorization-server/accounts.ts'
import { emptyAnswer, jsonAnswer, type Answer } from '../core/answers.ts'
import { presentedToken } from '../core/bearer.ts'
import type { Authorization } from '../core/codes.ts'
import { readParameters, type Parameters } from '../core/parameters.ts'
import type { RawRequest } from '../core/raw-http.ts'
import { challenge, JSON_TYPE, vendorError } from './answers.ts'
import type { DottedSignState } from './state.ts'

/** `GET /v1/members/me`. */
export function showMember(state: DottedSignState, request: RawRequest): Answer {
  return withToken(state, request, ({ subject }) => {
    const index = DEMO_ACCOUNTS.findIndex(({ login }) => login === subject)
    const user = DEMO_ACCOUNTS[index]
    if (user === undefined) return vendorError(404, 404201, 'member_not_found', 'member not found')

    const { name, email } = user
    const id = FIRST_MEMBER_ID + index
    return dataAnswer({ id, name, email, is_registered: true, confirmed: true, created_at: 1735689600, language: 'en' })
  })
}

/** `GET /v1/sign_tasks/list?page=1&per_page=10`. */
export function listSignTasks(state: DottedSignState, request: RawRequest): Answer {
  return withToken(state, request, ({ scope }) => {
    if (scope.length > 0 && !scope.includes('sign_tasks.general.read')) return apiErrorAnswer(403002)

    const parameters = readParameters(request.query)
    const [page, perPage] = [positive(parameters, 'page', 1), positive(parameters, 'per_page', 10)]
    if (page === undefined || perPage === undefined) return apiErrorAnswer(400417)
    return dataAnswer(SIGN_TASKS.slice((page - 1) * perPage, page * perPage))
  })
}

const FIRST_MEMBER_ID = 1001

const SIGN_TASKS = [
  { task_id: 501, file_name: 'Lease.pdf', status: 'waiting' },
  { task_id: 502, file_name: 'Non-disclosure agreement.pdf', status: 'completed' },
  { task_id: 503, file_name: 'Order 1874.pdf', status: 'draft' },
]

/** Success comes wrapped in `data`. */
function dataAnswer(data: unknown): Answer {
  return jsonAnswer(200, [JSON_TYPE], { data })
}

/** @returns undefined for what is no positive whole number. */
function positive(parameters: Parameters, name: string, otherwise: number): number | undefined {
  const text = parameters(name)
  if (text === undefined) return otherwise
  return /^[1-9]\d{0,5}$/.test(text) ? Number(text) : undefined
}

function withToken(
  state: DottedSignState,
  request: RawRequest,
  answer: (authorization: Authorization) => Answer,
): Answer {
  const value = presentedToken(request, { inQuery: state.switches.acceptsTokenInQuery })
  if (value === undefined) return badToken(state, 'missing')

  const presented = state.tokens.presentAccessToken(value)
  if (presented.kind !== 'valid') return badToken(state, presented.kind)
  const { apiError } = state.switches
  return apiError === undefined ? answer(presented.token.authorization) : apiErrorAnswer(apiError)
}

type BadToken = 'expired' | 'revoked' | 'unknown' | 'missing'

const DESCRIPTION = {
  expired: 'expired',
  revoked: 'was revoked',
  unknown: 'is invalid',
  missing: 'is invalid',
} as const

/** The two documented answers, of which only one can be true at a time, and Doorkeeper's, which has no body. */
function badToken(state: DottedSignState, why: BadToken): Answer {
  const { expiredStyle } = state.switches
  if (expiredStyle === 401 || expiredStyle === 'doorkeeper') {
    const description = `The access token ${DESCRIPTION[why]}`
    const challenged = challenge(state, 'invalid_token', description)
    return expiredStyle === 401
      ? vendorError(401, 401001, 'invalid_grant', description, challenged)
      : emptyAnswer(401, [['Cache-Control', 'no-store'], ...challenged, ['Content-Type', 'text/html']])
  }
  // The vendor's own edition answers a missing token with 400002, whatever it says to a bad one.
  if (expiredStyle === 400002 || why === 'missing') return vendorError(400, 400002, 'invalid_token', 'invalid token')
  return vendorError(400, 400003, 'invalid_member', 'invalid member')
}

type ApiError = 400417 | 403002 | 406 | 429

/** Of 406 and 429 only the status is documented. */
const API_ERRORS: Readonly<Record<ApiError, readonly [status: number, code: number, key: string, message: string]>> = {
  400417: [400, 400417, 'invalid_params', 'invalid params'],
  403002: [403, 403002, 'invalid_action', 'not allow for this action'],
  406: [406, 406001, 'invalid_resource', 'invalid resource'],
  429: [429, 429001, 'too_many_requests', 'too many requests'],
}

function apiErrorAnswer(error: ApiError): Answer {
  return vendorError(...API_ERRORS[error])
}
