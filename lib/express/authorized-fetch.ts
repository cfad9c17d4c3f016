import { AuthError } from '../errors.ts'
import type { AccessToken, AccessTokenRequest } from '../grants/access-tokens.ts'
import { judgeBody, judgeHead, MAX_LOOK_BYTES, MAX_LOOK_MS, type AnswerHead } from '../protocol/refusal.ts'
import type { TokenTarget } from '../protocol/token-target.ts'
import type { AnswerPattern } from '../providers/provider.ts'
import type { Runtime } from '../runtime.ts'
import { urlComplaint } from '../url-rule.ts'

/** The access tokens of one grant. */
export interface TokenSource {
  /** What the provider's API answers to a token that is not good any more. */
  readonly expiredTokenAnswers: readonly AnswerPattern[]
  /** @throws {AuthError} as `req.auth.accessToken()`. */
  freshToken(request: AccessTokenRequest): Promise<AccessToken>
  /** Is there a refresh token? @throws {AuthError} as `req.auth.accessToken()`. */
  isRefreshable(): Promise<boolean>
}

export interface AuthorizedFetchContext {
  readonly runtime: Runtime
  readonly allowHttp: boolean
}

/**
 * Another token than the one that was refused, or `undefined` if that one has only just been issued: then the refusal is the answer.
 *
 * @param target what both are for; none: the grant's own access token.
 * @throws {AuthError} as `req.auth.accessToken()`: why there is no other. `ERR_AUTH_REQUIRED` if only a new sign-in brings one.
 */
export async function replacement(
  tokens: TokenSource,
  refused: AccessToken,
  target: TokenTarget = {},
): Promise<AccessToken | undefined> {
  try {
    return await tokens.freshToken({ ...target, refused: refused.token })
  } catch (error) {
    const isInVain = error instanceof AuthError && error.code === 'ERR_AUTH_REQUIRED' && (await tokens.isRefreshable())
    if (isInVain) return undefined // replaced a moment ago, and refused again: the API means something else
    throw error
  }
}

/**
 * `fetch` with an access token. Where the token is refused, the request is sent once more with a newer one, if its body can be sent again.
 * What it returns is unread.
 */
export async function authorizedFetch(
  tokens: TokenSource,
  { runtime, allowHttp }: AuthorizedFetchContext,
  url: string | URL,
  init: RequestInit,
): Promise<Response> {
  const complaint = urlComplaint(String(url), allowHttp)
  if (complaint !== undefined)
    throw new AuthError('ERR_AUTH_UPSTREAM', `the token is not sent there: the URL ${complaint}`)
  const send = ({ token, tokenType }: AccessToken): Promise<Response> => {
    const headers = new Headers(init.headers)
    headers.set('authorization', `${tokenType} ${token}`)
    return runtime.fetch(url, { ...init, headers })
  }

  const sent = await tokens.freshToken({ signal: init.signal ?? undefined, isRepeatable: !isStream(init.body) })
  const answer = await send(sent)
  if (!(await isRefused(tokens.expiredTokenAnswers, answer, runtime))) return answer
  if (isStream(init.body)) {
    replacement(tokens, sent).catch(() => {}) // for the next call
    return answer
  }
  let next: AccessToken | undefined
  try {
    next = await replacement(tokens, sent)
  } catch (error) {
    await answer.body?.cancel()
    throw error
  }
  if (next === undefined) return answer
  await answer.body?.cancel()
  return send(next)
}

async function isRefused(patterns: readonly AnswerPattern[], answer: Response, runtime: Runtime): Promise<boolean> {
  const head: AnswerHead = { status: answer.status, header: (name) => answer.headers.get(name) ?? undefined }
  const verdict = judgeHead(patterns, head)
  if (verdict !== 'look') return verdict === 'refused'
  const body = await beginning(answer.clone(), runtime)
  // `fetch` has undone the Content-Encoding.
  return body !== undefined && judgeBody(patterns, head, body, undefined)
}

/** The whole body, or `undefined` if it is longer than what is looked at, too slow, or cut off: whoever reads the answer will hear of that. */
async function beginning({ body }: Response, runtime: Runtime): Promise<Uint8Array | undefined> {
  if (body === null) return undefined
  const reader = (body as ReadableStream<Uint8Array>).getReader()
  const enough = new AbortController()
  const tooSlow = runtime.sleep(MAX_LOOK_MS, enough.signal).then(
    () => 'too-slow' as const,
    () => 'too-slow' as const,
  )
  try {
    const whole = await Promise.race([readWhole(reader), tooSlow])
    if (whole !== 'too-slow') return whole
    reader.cancel().catch(() => {}) // as below
    return undefined
  } finally {
    enough.abort()
  }
}

async function readWhole(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = []
  let length = 0
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      chunks.push(part.value)
      length += part.value.length
      if (length > MAX_LOOK_BYTES) {
        // Not awaited: a branch of a body is only gone when the other one is.
        reader.cancel().catch(() => {})
        return undefined
      }
    }
  } catch {
    return undefined
  }
  return Buffer.concat(chunks)
}

/** Read once, and gone: a web stream, a Node stream, an async generator. */
function isStream(body: unknown): boolean {
  return typeof body === 'object' && body !== null && Symbol.asyncIterator in body
}
