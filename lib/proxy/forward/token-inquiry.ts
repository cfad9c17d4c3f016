import type { Response } from 'express'
import type { AccessTokenRequest } from '../../grants/access-tokens.ts'
import type { TokenTarget } from '../../protocol/token-target.ts'

/** Asks for the token that a request is sent with, for as long as its client waits. */
export class TokenInquiry implements AccessTokenRequest {
  readonly resource: string | undefined
  readonly scope: string | undefined
  readonly isRepeatable: boolean
  readonly #res: Response
  #signal: AbortSignal | undefined

  constructor(res: Response, { resource, scope }: TokenTarget, isRepeatable: boolean) {
    this.#res = res
    this.resource = resource
    this.scope = scope
    this.isRepeatable = isRepeatable
  }

  /** Made when somebody has to wait: most have not, and it costs more than all else that is asked here. */
  get signal(): AbortSignal {
    return (this.#signal ??= untilClosed(this.#res))
  }
}

function untilClosed(res: Response): AbortSignal {
  if (res.closed) return AbortSignal.abort()
  const gone = new AbortController()
  res.once('close', () => {
    if (!res.writableFinished) gone.abort() // costs an error with a stack, so not after every answer
  })
  return gone.signal
}
