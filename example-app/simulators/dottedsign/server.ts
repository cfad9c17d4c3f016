import { emptyAnswer, type Answer } from '../core/answers.ts'
import type { RawRequest } from '../core/raw-http.ts'
import type { DottedSignState } from './state.ts'
import { vendorError } from './answers.ts'
import { listSignTasks, showMember } from './api.ts'
import { authorize } from './authorization-endpoint.ts'
import { isBroken } from './parameters.ts'
import { revoke } from './revocation-endpoint.ts'
import { token } from './token-endpoint.ts'

type Endpoint = (state: DottedSignState, request: RawRequest) => Answer

const ENDPOINTS: ReadonlyMap<string, Endpoint> = new Map([
  ['GET /v1/oauth/authorize', authorize],
  ['POST /v1/oauth/token', token],
  ['POST /v1/oauth/revoke', revoke],
  ['GET /v1/members/me', showMember],
  ['GET /v1/sign_tasks/list', listSignTasks],
])

export function dottedSignServer(state: DottedSignState): (request: RawRequest) => Answer {
  return (request) => {
    if (isBroken(state, request)) return BAD_REQUEST
    const endpoint = ENDPOINTS.get(`${request.method} ${withoutSlash(request.path)}`)
    return endpoint?.(state, request) ?? vendorError(404, 404039, 'page_not_found', 'page not found')
  }
}

const BAD_REQUEST = emptyAnswer(400, [['Content-Type', 'text/html; charset=UTF-8']])

/** To the router of Rails a path is the same with a slash at its end. */
export function withoutSlash(path: string): string {
  return path.replace(/\/$/, '')
}
