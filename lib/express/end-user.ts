import type { Request } from 'express'
import { AuthError } from '../errors.ts'
import type { GrantRecord } from '../grants/grant-store.ts'
import type { Parts } from './parts.ts'
import type { AccessTokenOptions } from './provider-auth.ts'

/** `auth.grants`: what end-users have granted, whether they are here or not. */
export interface Grants {
  /**
   * @param subject `sub` at the provider, as in `req.auth.user.sub`, or in `req.auth.provider(key).user.sub` of a connected account.
   * @param options `provider`: its key in the configuration, with the tenant behind it (`hub/contoso`); the only one by default.
   * @throws {AuthError} `ERR_AUTH_OPTIONS` for a subject that is none, or a provider that is not configured, or not named where there are several.
   */
  forSubject(subject: string, options?: { provider?: string | undefined }): EndUser
}

/** One sign-in, or connected account, of an end-user that still holds: a browser on a device, and the tokens that came with it. */
export interface SignIn {
  /** Names it in `endSession`. Safe to show to this end-user; opens nothing. */
  readonly id: string
  readonly provider: string
  /** Epoch milliseconds; `undefined` for an account that was connected. */
  readonly signedInAt: number | undefined
  /** The browser's own words, up to 256 characters of anything. */
  readonly userAgent: string | undefined
  /** What was granted, space-separated (RFC 6749 §3.3). */
  readonly scope: string | undefined
  /** Counts the refreshes: 1 after the sign-in. */
  readonly generation: number
  /** Epoch milliseconds. */
  readonly refreshedAt: number
  /** Epoch milliseconds, of the access token; `undefined` where the server did not say. */
  readonly expiresAt: number | undefined
  readonly isRefreshable: boolean
  /** Is it the session of the request that `list` was given? */
  readonly isCurrent: boolean
}

/** All of these reject with `ERR_AUTH_UNAVAILABLE` while a store cannot be reached. */
export interface EndUser {
  /**
   * An access token that is good now, refreshed if need be, from the newest sign-in that still holds: for jobs that run while the
   * end-user is away.
   *
   * @throws {AuthError} `ERR_AUTH_REQUIRED` if there is none; else as `req.auth.accessToken`.
   */
  accessToken(options?: AccessTokenOptions): Promise<string>

  /**
   * The sign-ins that hold, oldest first.
   *
   * @param options `request`: whose own sign-in is marked as the current one.
   */
  list(options?: { request?: Request | undefined }): Promise<readonly SignIn[]>

  /** Ends all of them, here and at the authorization server. @returns how many there were. */
  revoke(): Promise<number>

  /**
   * Signs out everywhere, or everywhere else.
   *
   * @param options `except`: the request whose session goes on.
   * @returns how many there were.
   */
  endSessions(options?: { except?: Request | undefined }): Promise<number>

  /** Ends one sign-in of this end-user. @returns `false` if there is no such. */
  endSession(id: string): Promise<boolean>
}

/** What the index has for an end-user. One record that cannot be read hides none of the others; it can only be ended. */
interface Found {
  readonly id: string
  readonly record: GrantRecord | 'unreadable'
}

/** @throws {AuthError} `ERR_AUTH_OPTIONS` for a subject that is none, or a provider that is not configured, or not named where there are several. */
export function endUser(parts: Parts, subject: string, key: string | undefined): EndUser {
  if (typeof subject !== 'string' || subject === '')
    throw new AuthError('ERR_AUTH_OPTIONS', 'forSubject(): the subject must be a non-empty string, the "sub" of a user')
  const { keeper, signIns, corner, registrations } = parts
  const registration = key === undefined ? registrations.only : registrations.get(key)
  if (registration === undefined) {
    const complaint = key === undefined ? 'there are several providers; say at which one: { provider: key }' : `there is no provider "${key}"` // prettier-ignore
    throw new AuthError('ERR_AUTH_OPTIONS', `forSubject(): ${complaint}`)
  }
  const provider = registration.grantKey

  async function find(): Promise<readonly Found[]> {
    const ids = await keeper.find({ provider, subject })
    const found = await Promise.all(ids.map(async (id) => ({ id, record: await inspect(id) })))
    // Whoever can write to the index must not get at the tokens of others by that.
    const isTheirs = ({ state }: GrantRecord): boolean => state.subject === subject && state.provider === provider
    return found.filter(
      ({ record }) => record === 'unreadable' || (record !== undefined && isTheirs(record)),
    ) as Found[]
  }

  async function inspect(id: string): Promise<GrantRecord | 'unreadable' | undefined> {
    try {
      return await keeper.inspect(id)
    } catch (error) {
      if (error instanceof AuthError && error.code === 'ERR_AUTH_RECORD') return 'unreadable'
      throw error
    }
  }

  /** Of the sign-in, and of what is connected to it. */
  function idsOf(request: Request | undefined): readonly string[] {
    if (request === undefined) return []
    const account = corner.account(request)
    return [...(account === undefined ? [] : [account]), ...corner.connections(request)].map(({ grantId }) => grantId)
  }

  async function end(isMeant: (id: string) => boolean): Promise<number> {
    const ids = (await find()).map(({ id }) => id)
    return signIns.end(ids.filter(isMeant), 'wait')
  }

  return {
    async accessToken({ resource, scope, signal } = {}) {
      for (const { id, record } of (await find()).toReversed()) {
        if (record === 'unreadable') continue
        try {
          return (await keeper.accessToken(id, { resource, scope, signal })).token
        } catch (error) {
          const isOver = error instanceof AuthError && error.code === 'ERR_AUTH_REVOKED'
          if (!isOver) throw error // an older sign-in may still hold
        }
      }
      throw new AuthError(
        'ERR_AUTH_REQUIRED',
        'this end-user has to sign in again: no sign-in of theirs holds any more',
      )
    },
    async list({ request } = {}) {
      const current = idsOf(request)
      const found = await find()
      return found.flatMap(({ id, record }) =>
        record === 'unreadable' ? [] : [toSignIn(id, record, registration.key, current.includes(id))],
      )
    },
    revoke: async () => end(() => true),
    async endSessions({ except } = {}) {
      // By the grant: the session's id may have changed with this very request.
      const kept = idsOf(except)
      return end((id) => !kept.includes(id))
    },
    endSession: async (id) => (await end((one) => one === id)) > 0,
  }
}

function toSignIn(id: string, { state, session }: GrantRecord, provider: string, isCurrent: boolean): SignIn {
  const { generation, storedAt, tokens } = state
  const { scope, expiresAt, refreshToken } = tokens
  return {
    id,
    provider,
    signedInAt: session?.signedInAt,
    userAgent: session?.userAgent,
    scope,
    generation,
    refreshedAt: storedAt,
    expiresAt,
    isRefreshable: refreshToken !== undefined,
    isCurrent,
  }
}
