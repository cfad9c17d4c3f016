import type { Request, Response } from 'express'
import { AuthError, type GrantHealth } from 'latchkey'

/** `GET /session`: is somebody signed in, and how is their access token? Never the token. Asking refreshes nothing. */
export async function describeSession(req: Request, res: Response): Promise<void> {
  const grant = req.auth.isAuthenticated ? await grantOf(req) : undefined
  if (grant === undefined) return void res.json({ signedIn: false })

  const now = Date.now()
  const { generation, expiresAt, refreshedAt, isRefreshable, scope } = grant
  res.json({
    signedIn: true,
    now,
    token: {
      generation,
      expiresAt: expiresAt ?? null,
      secondsLeft: expiresAt === undefined ? null : Math.max(0, (expiresAt - now) / 1000),
      refreshedAt,
      isRefreshable,
      scope: scope ?? null,
    },
  })
}

/** `undefined` when it turns out to be over, revoked at the provider for instance. */
async function grantOf(req: Request): Promise<GrantHealth | undefined> {
  try {
    return await req.auth.grant()
  } catch (error) {
    if (error instanceof AuthError && error.code === 'ERR_AUTH_REVOKED') return undefined
    throw error
  }
}
