import { headerValue, type Message, type RawMessage } from './message.ts'

/** A request and its answer as they went over the wire. Full of secrets: nothing of it is for a browser before it is masked. */
export interface RawExchange extends RawMessage {
  /** Epoch milliseconds. */
  readonly at: number
  /** Absent: none yet, or the connection was cut. */
  readonly answer?: RawAnswer | undefined
}

export interface RawAnswer {
  readonly status: number
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: string
}

/** What a request is about. */
export type Purpose =
  'discovery' | 'keys' | 'authorization' | 'code' | 'refresh' | 'user info' | 'API call' | 'revocation' | 'sign-out'

export const PURPOSES: Readonly<Record<Purpose, string>> = {
  discovery: 'Metadata of the server',
  keys: 'Keys of the server',
  authorization: 'Authorization request',
  code: 'Code exchange',
  refresh: 'Refresh',
  'user info': 'User info',
  'API call': 'API call',
  revocation: 'Revocation',
  'sign-out': 'Sign-out at the provider',
}

const PATHS: readonly (readonly [path: RegExp, purpose: Purpose])[] = [
  [/\/\.well-known\/[^/]+\/jwks$/, 'keys'],
  [/\/\.well-known\//, 'discovery'],
  [/\/(?:jwks?|certs)\/?$/, 'keys'],
  [/\/(?:userinfo|members\/me)\/?$/, 'user info'],
  [/\/(?:revoke|revoke_token|revocation)\/?$/, 'revocation'],
  [/\/(?:logout|endsession|session\/end)\/?$/, 'sign-out'],
]

/** @returns undefined for what is none of the app's business: the pages on which people sign in, with their passwords. */
export function purposeOf({ method, path, query, headers, body }: Message): Purpose | undefined {
  const parameters = new Map([...query, ...body.parameters].map(([name, value]) => [name, value]))
  if (parameters.has('password')) return undefined
  if (parameters.has('response_type')) return 'authorization'
  const found = PATHS.find(([pattern]) => pattern.test(path))?.[1]
  if (found !== undefined) return found
  if (/\/token\/?$/.test(path)) return parameters.get('grant_type') === 'refresh_token' ? 'refresh' : 'code'
  const isBearer = /^bearer /i.test(headerValue(headers, 'authorization') ?? '')
  return isBearer && method !== 'OPTIONS' ? 'API call' : undefined
}
