import type { Request, RequestHandler, Response } from 'express'

/** One request that reached the token endpoint. */
export interface TokenRequest {
  readonly grantType: string
  /** When it arrived, milliseconds since the epoch. */
  readonly at: number
  /** Undefined until it was answered. 'cut': the connection was closed instead. */
  readonly status: number | 'cut' | undefined
}

/** An answer that the token endpoint gives instead of its own. */
export interface TokenEndpointAnswer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  /** An object is sent as JSON. Default: empty. */
  readonly body?: string | object
}

/** Stands in front of a real token endpoint: counts what comes, and holds, replaces or cuts answers on demand. */
export class TokenEndpoint {
  readonly #requests: Recorded[] = []
  #held: Promise<void> | undefined
  #failure: TokenEndpointAnswer | undefined
  #dropsLeft = 0

  /** In order of arrival. */
  requests(grantType?: string): readonly TokenRequest[] {
    return this.#requests.filter((request) => grantType === undefined || request.grantType === grantType)
  }

  /** Requests that arrive from now on wait, before the server sees them, until `release` is called. */
  hold(): () => void {
    const { promise, release } = gate()
    this.#held = promise
    return () => {
      if (this.#held === promise) this.#held = undefined
      release()
    }
  }

  /** The server sees no request, and every one gets `answer`, until called with undefined. */
  fail(answer: TokenEndpointAnswer | undefined): void {
    this.#failure = answer
  }

  /** The server does all that the next request asks for; then the connection closes without an answer. */
  dropNextAnswer(): void {
    this.#dropsLeft += 1
  }

  readonly middleware: RequestHandler = async (req, res, next) => {
    if (req.method !== 'POST' || req.path !== '/token') return next()

    const request: Recorded = { grantType: '', at: Date.now(), status: undefined }
    this.#requests.push(request)
    res.once('finish', () => (request.status = res.statusCode))
    request.grantType = new URLSearchParams(await peekBody(req)).get('grant_type') ?? ''

    while (this.#held !== undefined) await this.#held
    if (this.#failure !== undefined) return answerWith(this.#failure, res)
    if (this.#dropsLeft > 0) {
      this.#dropsLeft -= 1
      cutInsteadOfAnswering(res, () => (request.status = 'cut'))
    }
    next()
  }
}

type Recorded = { -readonly [K in keyof TokenRequest]: TokenRequest[K] }

function gate(): { promise: Promise<void>; release: () => void } {
  let release = (): void => {}
  const promise = new Promise<void>((resolve) => {
    release = resolve
  })
  return { promise, release }
}

/** Reads the body and puts it back: the server refuses to work with one that somebody else consumed. */
async function peekBody(req: Request): Promise<string> {
  const expected = Number(req.get('content-length') ?? 0)
  const chunks: Buffer[] = []
  let length = 0
  while (length < expected && !req.readableEnded && !req.destroyed) {
    const chunk = req.read() as Buffer | null
    if (chunk === null) {
      await new Promise<void>((resolve) => {
        req.once('readable', resolve)
        req.once('close', resolve)
      })
      continue
    }
    chunks.push(chunk)
    length += chunk.length
  }
  const body = Buffer.concat(chunks)
  // In the same tick as the last read, before the stream notices its end.
  if (body.length > 0) req.unshift(body)
  return body.toString()
}

function answerWith({ status, headers = {}, body = '' }: TokenEndpointAnswer, res: Response): void {
  res.status(status).set(headers)
  if (typeof body === 'string') res.end(body)
  else res.json(body)
}

function cutInsteadOfAnswering(res: Response, onCut: () => void): void {
  res.end = () => {
    onCut()
    res.socket?.destroy()
    return res
  }
  res.write = () => true
}
