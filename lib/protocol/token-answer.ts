import type { Provider, TokenErrorPattern } from '../providers/provider.ts'
import { fitsBody, fitsStatus } from './answer-pattern.ts'
import type { Answer } from './provider-fetch.ts'
import { normaliseTokenResponse } from './token-response.ts'

export type TokenAnswerRules = Pick<Provider, 'tokenErrors' | 'defaultExpiresIn' | 'idToken'>

/**
 * What the token endpoint meant (RFC 6749 §5), in the form in which `openid-client` reads it: tokens with status 200, an error as a JSON body
 * with its `error` alone, whatever status, label, challenge or envelope it came with. What is neither stays as it is.
 *
 * @param take looks at the tokens, and says what of them is read on.
 */
export function readTokenAnswer(
  answer: Answer,
  rules: TokenAnswerRules,
  take: (tokens: Record<string, unknown>) => Record<string, unknown> = (tokens) => tokens,
): Answer {
  const { status } = answer
  const json = parseObject(answer.body)
  const isSuccess = status >= 200 && status < 300
  if (isSuccess && typeof json?.['access_token'] === 'string' && json['access_token'] !== '') {
    return withJson(answer, 200, take(normaliseTokenResponse(json, rules)))
  }
  if (status >= 300 && status < 400) return answer

  const own = rules.tokenErrors.find((pattern) => matches(pattern, answer, json))?.means
  // A challenge alone (RFC 6750 §3) is left to the library, which reads it.
  const error = own ?? json?.['error']
  if (typeof error === 'string' && error !== '') {
    // The server may have its own idea of the status; that it asks for patience is true nonetheless.
    const isPlain = status >= 400 && (own === undefined || status === 429)
    return withJson(answer, isPlain ? status : 400, { error })
  }
  return isSuccess && json !== undefined ? withJson(answer, 200, normaliseTokenResponse(json, rules)) : answer
}

const HTML = /^\s*(?:text\/html|application\/xhtml\+xml)\b/i

function matches(pattern: TokenErrorPattern, { status, headers }: Answer, json: unknown): boolean {
  if (!fitsStatus(pattern, status)) return false
  // No token endpoint answers with a page: something in between does, and knows nothing of tokens.
  if (pattern.member === undefined) return !HTML.test(headers.get('content-type') ?? '')
  return fitsBody(pattern, json)
}

/** The rest of the body goes: descriptions of some servers repeat the token. */
function withJson({ headers: old }: Answer, status: number, json: object): Answer {
  const headers = new Headers(old)
  headers.delete('www-authenticate') // it would hide the body from the library
  headers.set('content-type', 'application/json')
  return { status, headers, body: Buffer.from(JSON.stringify(json)) }
}

function parseObject(body: Uint8Array): Record<string, unknown> | undefined {
  try {
    const json: unknown = JSON.parse(new TextDecoder().decode(body)) // which also drops a byte order mark
    return typeof json === 'object' && json !== null && !Array.isArray(json) ? (json as Record<string, unknown>) : undefined // prettier-ignore
  } catch {
    return undefined // left to the reader, which says what is wrong
  }
}
