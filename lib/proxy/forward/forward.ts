import type { Response } from 'express'
import type { AuthError } from '../../errors.ts'
import type { ForwardRequest } from './forward-request.ts'
import { attempt, type ForwardOptions } from './forwarding.ts'
import type { Upstream } from './upstream.ts'
import type { Upstreams } from './upstreams.ts'

/**
 * Sends one request to the target whose turn it is and streams its answer to `res`. Where no connection to it comes about, so that not a
 * byte was sent, the next one is tried.
 *
 * @returns `again`: the target refuses the token, nothing was written, and the request is to be sent again with another one.
 * @throws {AuthError} `ERR_AUTH_UPSTREAM`, `ERR_AUTH_UPSTREAM_BUSY`, `ERR_AUTH_UPSTREAM_TIMEOUT` or `ERR_AUTH_TOO_LARGE`, while there is still an answer to give.
 * An answer that is cut off later is cut off for the client as well.
 */
export async function forward(
  upstreams: Upstreams,
  request: ForwardRequest,
  res: Response,
  options: ForwardOptions,
): Promise<'answered' | 'again'> {
  const tried: Upstream[] = []
  let last: AuthError | undefined
  for (;;) {
    const upstream = upstreams.next(tried)
    if (upstream === undefined) throw last ?? upstreams.noneLeft()
    const outcome = await attempt(upstream, request, res, options)
    if (outcome.kind !== 'unsent') return outcome.kind
    last = outcome.error
    tried.push(upstream)
  }
}
