import { emptyAnswer, jsonAnswer, type Answer, type Header } from '../core/answers.ts'
import { presentedToken, userOf } from '../core/bearer.ts'
import type { RawRequest } from '../core/raw-http.ts'
import type { IssuedToken, Presentation } from '../core/tokens.ts'
import type { HealthKeyState } from './state.ts'

const JSON_TYPE: Header = ['Content-Type', 'application/json']

/**
 * HealthKey's second host, in the words of Django REST framework or, refusing with 403 alone, of the toolkit's own views.
 *
 * Its pages show `POST /api/v1/transactions`. They document nothing about the user: `GET /api/v1/profile` is an
 * invention, so that there is something to sign in with.
 */
export function healthKeyApi(state: HealthKeyState): (request: RawRequest) => Answer {
  return (request) => {
    const { acceptsTokenInQuery, expiredStyle } = state.switches
    const value = presentedToken(request, { inQuery: acceptsTokenInQuery })
    const presented = value === undefined ? undefined : state.tokens.presentAccessToken(value)
    if (presented?.kind !== 'valid') return expiredStyle === 403 ? WORDLESS : unauthenticated(presented)
    return answer(request, presented.token)
  }
}

const WORDLESS = emptyAnswer(403, [['Content-Type', 'text/html; charset=utf-8']])

function answer({ method, path }: RawRequest, { authorization }: IssuedToken): Answer {
  const { scope, subject } = authorization
  const user = userOf(subject)
  switch (`${method} ${path}`) {
    case 'POST /api/v1/transactions':
      if (!scope.includes('payment')) return forbidden()
      return jsonAnswer(200, [JSON_TYPE], { id: 'txn-0001', status: 'created', customer: subject })
    case 'GET /api/v1/profile':
      if (!scope.includes('profile')) return forbidden()
      return jsonAnswer(200, [JSON_TYPE], { id: user?.login, name: user?.name, email: user?.email })
    default:
      return jsonAnswer(404, [JSON_TYPE], { detail: 'Not found.' })
  }
}

function forbidden(): Answer {
  return jsonAnswer(403, [JSON_TYPE], { detail: 'You do not have permission to perform this action.' })
}

function unauthenticated(presented: Presentation | undefined): Answer {
  const challenge = ['Bearer realm="api"']
  if (presented !== undefined) {
    // The toolkit has deleted a revoked token, and knows no more than that it does not know it.
    const description = presented.kind === 'expired' ? 'The access token has expired.' : 'The access token is invalid.'
    challenge.push('error="invalid_token"', `error_description="${description}"`)
  }
  return jsonAnswer(401, [JSON_TYPE, ['WWW-Authenticate', challenge.join(',')]], {
    detail: 'Authentication credentials were not provided.',
  })
}
