import type { CustomFetch } from 'openid-client'
import { Cause } from '../errors.ts'
import type { Provider } from '../providers/provider.ts'
import { urlComplaint } from '../url-rule.ts'
import type { Runtime } from '../runtime.ts'
import { readTokenAnswer, type TokenAnswerRules } from './token-answer.ts'
import { isTokenRequest, writeTokenRequest } from './token-request.ts'

/** Metadata, key sets and token responses are a few kilobytes; what is longer is a mistake or an attack. */
const MAX_BODY_BYTES = 1_048_576

/** What came back, read to its end. */
export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: Uint8Array
}

export interface ProviderFetchOptions {
  readonly allowHttp: boolean
  /** Of the provider; they go before those of a single request. */
  readonly requestHeaders: Readonly<Record<string, string>>
  /** Asked right before the bytes leave; `false` and they do not. */
  readonly maySend?: (() => boolean) | undefined
  /** Rewrites an answer before anybody reads it. */
  readonly rewrite?: ((answer: Answer) => Answer) | undefined
  /** Default 1 MiB. */
  readonly maxBodyBytes?: number | undefined
}

/**
 * How `openid-client` reaches the server: only where credentials may be sent, never through a redirect, and reading the body to
 * its end within the deadline of the call and a bound on its size. The answer does not say which URL it is from.
 */
export function providerFetch(runtime: Runtime, options: ProviderFetchOptions): CustomFetch {
  const { allowHttp, requestHeaders, maySend, rewrite, maxBodyBytes = MAX_BODY_BYTES } = options
  const extra = Object.entries(requestHeaders).map(([name, value]) => [name.toLowerCase(), value] as const)
  return async function fetchFromProvider(url, init) {
    // The endpoints come from the server's metadata; one of them could point anywhere.
    const complaint = urlComplaint(url, allowHttp)
    if (complaint !== undefined)
      throw new Cause('ProviderFetchError', `an endpoint ${complaint}`, 'OAUTH_HTTP_REQUEST_FORBIDDEN')

    if (maySend?.() === false) throw new Cause('ProviderFetchError', 'it is too late to send this', undefined)

    const { signal, ...rest } = init
    const sent = { ...rest, headers: { ...init.headers, ...Object.fromEntries(extra) } }
    const response = await runtime.fetch(url, { ...sent, redirect: 'manual', signal: signal ?? null } as RequestInit)
    const headers = new Headers(response.headers)
    headers.delete('content-encoding') // already undone
    const read: Answer = { status: response.status, headers, body: await readBounded(response, maxBodyBytes) }
    const { status, headers: rewritten, body } = rewrite?.(read) ?? read
    const { statusText } = response
    return new Response(body.length === 0 ? null : new Uint8Array(body), { status, statusText, headers: rewritten })
  }
}

export interface TokenFetchOptions {
  readonly maySend?: (() => boolean) | undefined
  /** As for `readTokenAnswer`. */
  readonly take?: ((tokens: Record<string, unknown>) => Record<string, unknown>) | undefined
}

/** The same, with token requests and their answers translated between the server's way and the library's. */
export function providerFetchWithTokens(
  runtime: Runtime,
  provider: TokenAnswerRules & Pick<Provider, 'allowHttp' | 'requestHeaders' | 'tokenRequest'>,
  { maySend, take }: TokenFetchOptions = {},
): CustomFetch {
  const { allowHttp, requestHeaders } = provider
  const plain = providerFetch(runtime, { allowHttp, requestHeaders, maySend })
  const rewrite = (answer: Answer): Answer => readTokenAnswer(answer, provider, take)
  const translating = providerFetch(runtime, { allowHttp, requestHeaders, maySend, rewrite })
  return async function fetchTranslated(url, init) {
    const { body } = init
    if (!isTokenRequest(body)) return plain(url, init)
    return translating(...writeTokenRequest(provider.tokenRequest, url, { ...init, body }))
  }
}

async function readBounded(response: Response, maxBytes: number): Promise<Uint8Array> {
  if (response.body === null) return new Uint8Array()
  const chunks: Uint8Array[] = []
  let length = 0
  // Leaving the loop early cancels the body, and with it the connection.
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    length += chunk.byteLength
    if (length > maxBytes) throw new Cause('ProviderFetchError', 'the answer is too long', 'ERR_BODY_TOO_LONG')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
