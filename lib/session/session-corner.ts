import type { Request } from 'express'
import expressSession, { type SessionData } from 'express-session'
import { LRUCache } from 'lru-cache'
import { AuthError } from '../errors.ts'
import { isExpired, parseTransaction, type Transaction } from '../protocol/transaction.ts'
import { KeyedMutex } from './keyed-mutex.ts'

/** Claims about the end-user from the ID Token (OIDC Core §5.1). */
export interface User {
  readonly sub: string
  readonly [claim: string]: unknown
}

/** Who is signed in, and where the tokens are. The tokens themselves are never in the session. */
export interface Account {
  readonly provider: string
  readonly user: User
  readonly grantId: string
  /** What was granted, space-separated (RFC 6749 §3.3). */
  readonly scope: string
  /** Epoch milliseconds. */
  readonly signedInAt: number
  /** Of the session that it was stored in, as far as the grant store knows. */
  readonly sessionId: string
  /** Of the browser that signed in. */
  readonly userAgent: string | undefined
}

interface Corner {
  transactions?: Transaction[]
  account?: Account
  /** Epoch milliseconds: a sign-in went on in another session. Nothing else is left then. */
  movedAt?: number
}

declare module 'express-session' {
  interface SessionData {
    /** By instance name. Belongs to the package; read `req.auth` instead. */
    latchkey?: Record<string, Corner>
  }
}

/** The oldest goes when there are more: an abandoned sign-in must not fill the session. */
const MAX_TRANSACTIONS = 10

/** Longer than a request may be on its way. */
const NOTICE_MS = 60_000

/** Far more than sign-outs within the time that a request takes. */
const MAX_ENDED = 10_000

/**
 * Our corner of `req.session`. express-session writes whole sessions and the last writer wins, so every change here reads the
 * stored session again, changes it and saves it while no other request of this process changes the same one.
 */
export class SessionCorner {
  readonly #name: string
  readonly #keep: readonly string[]
  readonly #now: () => number
  readonly #changes = new KeyedMutex()
  /** Grants that ended here lately. A request that began before may write its old copy of the session back, account and all. */
  readonly #ended = new LRUCache<string, true>({ max: MAX_ENDED })

  /**
   * @param name of the package's instance.
   * @param keep keys of an anonymous session that survive the sign-in; the rest could have been planted (session fixation).
   */
  constructor(name: string, keep: readonly string[], now: () => number) {
    this.#name = name
    this.#keep = keep
    this.#now = now
  }

  account(req: Request): Account | undefined {
    const { account } = this.#read(req)
    return account === undefined || this.#ended.has(account.grantId) ? undefined : account
  }

  async putTransaction(req: Request, transaction: Transaction): Promise<void> {
    await this.#change(req, (corner) => {
      corner.transactions = [...this.#pending(corner), transaction].slice(-MAX_TRANSACTIONS)
    })
  }

  /** @returns the transaction, which is gone from the session by then; `undefined` if it is not, or no longer, there. */
  async takeTransaction(req: Request, id: string): Promise<Transaction | undefined> {
    if (this.#pending(this.#read(req)).every((transaction) => transaction.id !== id)) return undefined
    return this.#change(req, (corner) => {
      const pending = this.#pending(corner)
      corner.transactions = pending.filter((transaction) => transaction.id !== id)
      return pending.find((transaction) => transaction.id === id)
    })
  }

  /** The account in a session of whichever request. */
  accountIn(session: SessionData): Account | undefined {
    return session.latchkey?.[this.#name]?.account
  }

  /** Notes where the account is now. */
  moveAccount(session: SessionData, account: Account, sessionId: string): void {
    const corner = session.latchkey?.[this.#name]
    session.latchkey = { ...session.latchkey, [this.#name]: { ...corner, account: { ...account, sessionId } } }
  }

  /**
   * Moves to a new session id (session fixation) that knows the account and the sign-ins still under way.
   *
   * @param open makes the account, once the id of its session is known.
   * @returns the account that was signed in before.
   */
  async signIn(req: Request, open: (sessionId: string) => Promise<Account>): Promise<Account | undefined> {
    const oldId = req.sessionID
    return this.#changes.run(oldId, async () => {
      const isStored = await reload(req)
      const { account: previous, transactions = [] } = this.#read(req)
      const { session: old, sessionStore } = req
      const kept = this.#keep.filter((key) => key in old).map((key) => [key, old[key as keyof typeof old]])
      // Not `regenerate()`, which deletes the old session: other tabs' requests that are on their way still carry its id.
      sessionStore.generate(req)
      Object.assign(req.session, Object.fromEntries(kept))
      try {
        const account = await open(req.sessionID)
        req.session.latchkey = { ...old.latchkey, [this.#name]: { account, transactions } }
        await save(req)
        if (isStored) await this.#leaveNotice(req, oldId, old.cookie)
      } catch (error) {
        // express-session saves what it finds at the end of the response, and a sign-in that was answered with an error is none.
        Object.assign(req, { session: old, sessionID: oldId })
        throw error
      }
      if (previous !== undefined) this.#ended.set(previous.grantId, true)
      return previous
    })
  }

  /**
   * Was this session left for a new one, moments ago? Then the browser has, or is about to get, the cookie of a session that is signed
   * in, and this request only came too early.
   */
  hasMoved(req: Request): boolean {
    const { movedAt } = this.#read(req)
    return typeof movedAt === 'number' && this.#now() - movedAt < NOTICE_MS
  }

  /** It was ended from outside; requests under way may still have its session in their hands. */
  grantEnded(grantId: string): void {
    this.#ended.set(grantId, true)
  }

  /** Ends the whole session, the application's part of it included. */
  async signOut(req: Request): Promise<void> {
    const { account } = this.#read(req)
    if (account !== undefined) this.#ended.set(account.grantId, true)
    await settle((done) => req.session.destroy(done))
  }

  /**
   * Forgets the account but keeps the session: its grant ended without the end-user asking for it. Saved with the response; reading
   * the stored session again would drop what the application's handler has changed in it.
   */
  forgetAccount(req: Request, grantId: string): void {
    this.#ended.set(grantId, true)
    const corner = this.#read(req)
    if (corner.account?.grantId === grantId) delete corner.account
  }

  /** In place of the old session, nothing but this: to delete it would give each late request a new one, and its cookie the last word. */
  async #leaveNotice({ sessionStore }: Request, oldId: string, cookie: SessionData['cookie']): Promise<void> {
    const brief = Object.assign(new expressSession.Cookie(), cookie)
    brief.maxAge = NOTICE_MS // the store keeps it no longer
    const notice: SessionData = { cookie: brief, latchkey: { [this.#name]: { movedAt: this.#now() } } }
    await settle((done) => sessionStore.set(oldId, notice, done))
  }

  #read(req: Request): Corner {
    return req.session.latchkey?.[this.#name] ?? {}
  }

  #pending(corner: Corner): Transaction[] {
    const stored = Array.isArray(corner.transactions) ? corner.transactions.map(parseTransaction) : []
    return stored.filter(
      (transaction) => transaction !== undefined && !isExpired(transaction, this.#now()),
    ) as Transaction[]
  }

  async #change<T>(req: Request, change: (corner: Corner) => T): Promise<T> {
    return this.#changes.run(req.sessionID, async () => {
      await reload(req)
      const corner = this.#read(req)
      const result = change(corner)
      req.session.latchkey = { ...req.session.latchkey, [this.#name]: corner }
      await save(req)
      return result
    })
  }
}

/** What other requests stored meanwhile. @returns `false` for a session that was never saved, or is gone; it stays as it is. */
async function reload(req: Request): Promise<boolean> {
  const stored = await new Promise<unknown>((resolve, reject) => {
    req.sessionStore.get(req.sessionID, (error, session) =>
      error ? reject(storeUnreachable(error)) : resolve(session),
    )
  })
  if (stored === undefined || stored === null) return false
  await settle((done) => req.session.reload(done))
  return true
}

async function save(req: Request): Promise<void> {
  await settle((done) => req.session.save(done))
}

/** The one place where express-session's callbacks become promises. */
export async function settle(call: (done: (error?: unknown) => void) => void): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    call((error) => (error ? reject(storeUnreachable(error)) : resolve()))
  })
}

export function storeUnreachable(cause: unknown): AuthError {
  return new AuthError('ERR_AUTH_UNAVAILABLE', 'the session store cannot be reached', { cause, retryAfterSeconds: 1 })
}
