import { emptyAnswer, jsonAnswer, type Answer, type Header } from '../core/answers.ts'
import { bearerToken, userOf } from '../core/bearer.ts'
import { headerOf, type RawRequest } from '../core/raw-http.ts'
import type { IssuedToken, Presentation } from '../core/tokens.ts'
import type { HcssState } from './state.ts'
import { RateLimiter } from './rate-limiter.ts'

const JSON_TYPE: Header = ['Content-Type', 'application/json; charset=utf-8']

/** What a path needs, and what it answers. */
interface Resource {
  readonly scope: string
  readonly answer: (token: IssuedToken) => unknown
}

/**
 * Its pages show `businessUnits`, and its server family has userinfo. Nothing is documented about the user without
 * `openid`: `me` is an invention, so that there is something to sign in with.
 */
const RESOURCES: ReadonlyMap<string, Resource> = new Map<string, Resource>([
  [
    'GET /heavyjob/api/v1/businessUnits',
    { scope: 'heavyjob:read', answer: () => [{ id: 'bu-1', code: '01', description: 'Roads and bridges' }] },
  ],
  [
    'GET /heavyjob/api/v1/me',
    {
      scope: 'heavyjob:read',
      answer: ({ authorization: { subject } }) => {
        const user = userOf(subject)
        return { id: user?.login, name: user?.name, email: user?.email, companyId: '1' }
      },
    },
  ],
  ['POST /heavyjob/api/v1/timeCards', { scope: 'heavyjob:write', answer: () => ({ id: 'tc-1' }) }],
  ['GET /identity/connect/userinfo', { scope: 'openid', answer: userinfo }],
  ['POST /identity/connect/userinfo', { scope: 'openid', answer: userinfo }],
])

function userinfo({ authorization: { subject, scope } }: IssuedToken): unknown {
  const user = userOf(subject)
  return {
    sub: subject,
    name: scope.includes('profile') ? user?.name : undefined,
    email: scope.includes('email') ? user?.email : undefined,
  }
}

/** @returns undefined for a path that does not exist. */
export function hcssApi(state: HcssState): (request: RawRequest) => Answer | undefined {
  const limiter = new RateLimiter(state.now)
  return (request) => {
    const resource = RESOURCES.get(`${request.method} ${request.path}`)
    if (resource === undefined) return undefined

    const value = bearerToken(headerOf(request, 'authorization'))
    const presented = value === undefined ? undefined : state.tokens.presentAccessToken(value)
    if (presented?.kind !== 'valid') return unauthenticated(presented)

    // Counted per company, and all users of the simulator belong to the same.
    const seconds = limiter.secondsToWait(state.switches.rateLimit, request.inFlight)
    if (seconds > 0) {
      return emptyAnswer(429, [
        ['Retry-After', String(seconds)],
        ['Remaining-Calls', '0'],
      ])
    }
    if (!presented.token.authorization.scope.includes(resource.scope)) return emptyAnswer(403)
    return jsonAnswer(200, [JSON_TYPE], resource.answer(presented.token))
  }
}

function unauthenticated(presented: Presentation | undefined): Answer {
  if (presented === undefined) return emptyAnswer(401, [['WWW-Authenticate', 'Bearer']])
  const reason =
    presented.kind === 'expired'
      ? `The token expired at '${dotNetTime(presented.token.expiresAt)}'`
      : 'The signature is invalid'
  return emptyAnswer(401, [['WWW-Authenticate', `Bearer error="invalid_token", error_description="${reason}"`]])
}

/** `MM/dd/yyyy HH:mm:ss` in UTC, as ASP.NET writes it. */
function dotNetTime(milliseconds: number): string {
  const [date = '', time = ''] = new Date(milliseconds).toISOString().split('T')
  const [year, month, day] = date.split('-')
  return `${month}/${day}/${year} ${time.slice(0, 8)}`
}
