import type { RequestHandler } from 'express'

import { introspect, IntrospectionUnavailable, type IntrospectionOptions, type TokenInfo } from './introspection.ts'

/** What `bearer` leaves in `res.locals`. */
export interface BearerLocals {
  readonly token: TokenInfo
}

const REALM = 'Bearer realm="orders"'

/** Lets requests with a good access token pass (RFC 6750). The token itself goes no further than here. */
export function bearer(options: IntrospectionOptions): RequestHandler {
  /** One question for all requests that come with the same token while it is being asked. */
  const asking = new Map<string, Promise<TokenInfo | undefined>>()
  function inquire(token: string): Promise<TokenInfo | undefined> {
    const asked = asking.get(token) ?? introspect(token, options).finally(() => asking.delete(token))
    asking.set(token, asked)
    return asked
  }

  return async function bearerMiddleware(req, res, next) {
    res.set('Cache-Control', 'no-store')
    const [, token] = /^Bearer +([\w.~+/-]+=*) *$/i.exec(req.get('authorization') ?? '') ?? []
    if (token === undefined) {
      // No error code for who did not even try (RFC 6750 §3.1).
      res.status(401).set('WWW-Authenticate', REALM).json({ error: 'unauthorized' })
      return
    }

    let info: TokenInfo | undefined
    try {
      info = await inquire(token)
    } catch (error) {
      if (!(error instanceof IntrospectionUnavailable)) throw error
      res.status(503).set('Retry-After', '1').json({ error: 'temporarily_unavailable' })
      return
    }
    if (info === undefined) {
      res.status(401).set('WWW-Authenticate', `${REALM}, error="invalid_token"`).json({ error: 'invalid_token' })
      return
    }

    res.locals['token'] = info
    next()
  }
}
