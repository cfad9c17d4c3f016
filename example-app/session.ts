import type { Request, Response } from 'express'
import { AuthError, type GrantHealth } from 'latchkey'

/** What has a grant: the sign-in (`req.auth`), or the account at one provider (`req.auth.provider(key)`). */
interface GrantHolder {
  grant(): Promise<GrantHealth>
}

/** `GET /session`: is somebody signed in, and how is their access token? Never the token. Asking refreshes nothing. */
export async function describeSession(req: Request, res: Response): Promise<void> {
  res.json(await describeGrant(req.auth.isAuthenticated ? req.auth : undefined))
}

/** @param holder absent: nobody is signed in, or the account is not connected. */
export async function describeGrant(holder: GrantHolder | undefined): Promise<Readonly<Record<string, unknown>>> {
  const grant = holder === undefined ? undefined : await grantOf(holder)
  if (grant === undefined) return { signedIn: false }

  const now = Date.now()
  const { generation, expiresAt, refreshedAt, isRefreshable, scope } = grant
  return {
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
  }
}

/** `undefined` when it turns out to be over, revoked at the provider for instance. */
async function grantOf(holder: GrantHolder): Promise<GrantHealth | undefined> {
  try {
    return await holder.grant()
  } catch (error) {
    if (error instanceof AuthError && error.code === 'ERR_AUTH_REVOKED') return undefined
    throw error
  }
}
