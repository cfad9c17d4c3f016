import type { CustomFetch } from 'openid-client'
import { Cause } from '../errors.ts'
import { urlComplaint } from '../url-rule.ts'
import type { Runtime } from '../runtime.ts'

/** Metadata, key sets and token responses are a few kilobytes; what is longer is a mistake or an attack. */
const MAX_BODY_BYTES = 1_048_576

export interface ProviderFetchOptions {
  readonly allowHttp: boolean
  /** Asked right before the bytes leave; `false` and they do not. */
  readonly maySend?: () => boolean
  /** Rewrites a JSON body before anybody reads it. */
  readonly rewrite?: (body: Record<string, unknown>, url: string) => Record<string, unknown>
}

/**
 * How `openid-client` reaches the server: only where credentials may be sent, never through a redirect, and reading the body to
 * its end within the deadline of the call and a bound on its size.
 */
export function providerFetch(runtime: Runtime, options: ProviderFetchOptions): CustomFetch {
  return async function fetchFromProvider(url, init) {
    // The endpoints come from the server's metadata; one of them could point anywhere.
    const complaint = urlComplaint(url, options.allowHttp)
    if (complaint !== undefined)
      throw new Cause('ProviderFetchError', `an endpoint ${complaint}`, 'OAUTH_HTTP_REQUEST_FORBIDDEN')

    if (options.maySend?.() === false) throw new Cause('ProviderFetchError', 'it is too late to send this', undefined)

    const { signal, ...rest } = init
    const response = await runtime.fetch(url, { ...rest, redirect: 'manual', signal: signal ?? null } as RequestInit)
    const body = await readBounded(response)
    const { status, statusText } = response
    const headers = new Headers(response.headers)
    headers.delete('content-encoding') // already undone
    const rewritten =
      options.rewrite === undefined || status !== 200
        ? undefined
        : rewriteJson(body, (json) => options.rewrite?.(json, url))
    return new Response(body.length === 0 ? null : (rewritten ?? new Uint8Array(body)), { status, statusText, headers })
  }
}

async function readBounded(response: Response): Promise<Buffer> {
  if (response.body === null) return Buffer.alloc(0)
  const chunks: Uint8Array[] = []
  let length = 0
  // Leaving the loop early cancels the body, and with it the connection.
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    length += chunk.byteLength
    if (length > MAX_BODY_BYTES) throw new Cause('ProviderFetchError', 'the answer is too long', 'ERR_BODY_TOO_LONG')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function rewriteJson(body: Buffer, rewrite: (json: Record<string, unknown>) => unknown): string | undefined {
  try {
    const json: unknown = JSON.parse(body.toString('utf8'))
    const isObject = typeof json === 'object' && json !== null && !Array.isArray(json)
    return isObject ? JSON.stringify(rewrite(json as Record<string, unknown>)) : undefined
  } catch {
    return undefined // left to the reader, which says what is wrong
  }
}
