import type { IncomingHttpHeaders, ServerResponse } from 'node:http'

import { startHttpServer } from '../../example-app/http-server.ts'
import {
  AuthorizationServer,
  type CompletedSignIn,
  type RefreshOutcome,
  type RefreshRequest,
} from '../../lib/protocol/authorization-server.ts'
import { parseReturnPath } from '../../lib/protocol/return-path.ts'
import type { Transaction } from '../../lib/protocol/transaction.ts'
import type { Provider } from '../../lib/providers/provider.ts'
import { systemRuntime, type Runtime } from '../../lib/runtime.ts'

/** One request, byte for byte. */
export interface WireRequest {
  readonly method: string
  /** Path and query. */
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export interface WireAnswer {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  /** An object is sent as JSON. */
  readonly body?: object | string
}

/** A server that notes what comes, and answers what the test says, whatever was asked. */
export interface Wire {
  /** Its origin. */
  readonly url: string
  readonly requests: WireRequest[]
  /** The last request whose path ends so. */
  to(path: string): WireRequest
  /** From now on, by path; a function sees the request. */
  answers: Record<string, WireAnswer | ((request: WireRequest) => WireAnswer)>
  close(): Promise<void>
}

export async function startWire(): Promise<Wire> {
  const requests: WireRequest[] = []
  const http = await startHttpServer((req, res) => {
    const chunks: Buffer[] = []
    req.on('data', (chunk: Buffer) => chunks.push(chunk))
    req.on('end', () => {
      const { method = '', url = '', headers } = req
      const request = { method, url, headers, body: Buffer.concat(chunks).toString() }
      requests.push(request)
      const answer = wire.answers[pathOf(url)] ?? { status: 404 }
      send(res, typeof answer === 'function' ? answer(request) : answer)
    })
  })
  const wire: Wire = {
    url: `http://127.0.0.1:${http.port}`,
    requests,
    answers: {},
    to(path) {
      const found = requests.findLast(({ url }) => pathOf(url) === path)
      if (found === undefined) throw new Error(`nothing was sent to ${path}`)
      return found
    },
    close: () => http.close(),
  }
  return wire
}

function pathOf(url: string): string {
  return url.split('?', 1)[0] ?? ''
}

function send(res: ServerResponse, { status = 200, headers = {}, body = '' }: WireAnswer): void {
  const isJson = typeof body !== 'string'
  res.writeHead(status, { ...(isJson && { 'content-type': 'application/json' }), ...headers })
  res.end(isJson ? JSON.stringify(body) : body)
}

/** RFC 7636 appendix B. */
export const VERIFIER = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk'
export const CHALLENGE = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM'
export const NONCE = 'n-8812'
export const STATE = 'the-state'
export const CODE = 'the-code'

export const TRANSACTION: Transaction = {
  id: 'the-transaction',
  nonce: NONCE,
  codeVerifier: VERIFIER,
  returnPath: parseReturnPath('/'),
  startedAt: 0,
  attempt: 1,
  parameters: {},
}

export const REDIRECT_URI = 'https://app.example/auth/callback'

export function connect(
  provider: Provider,
  redirectUri = REDIRECT_URI,
  runtime: Runtime = systemRuntime,
): AuthorizationServer {
  // prettier-ignore
  return new AuthorizationServer(provider, { redirectUri, timeoutMs: 2_000 }, runtime)
}

/** The provider answers the authorization request with a code, and `extra` parameters. */
export function complete(
  server: AuthorizationServer,
  extra: Readonly<Record<string, string>> = {},
): Promise<CompletedSignIn> {
  // prettier-ignore
  return server.complete(new URLSearchParams({ code: CODE, state: STATE, ...extra }), STATE, TRANSACTION)
}

export function refresh(
  server: AuthorizationServer,
  token: string,
  request: Partial<RefreshRequest> = {},
): Promise<RefreshOutcome> {
  // prettier-ignore
  return server.refresh(token, { subject: undefined, target: {}, patienceMs: 2_000, maySend: () => true, ...request })
}
