import type { Request } from 'express'
import expressSession, { type SessionData } from 'express-session'
import { LRUCache } from 'lru-cache'
import { isExpired } from '../protocol/transaction.ts'
import { isOf, maybeSameUser, type Account, type Connection, type ProviderAccount, type Superseded } from './account.ts'
import { KeyedMutex } from './keyed-mutex.ts'
import { peekSession } from './lazy-session.ts'
import { parsePendingSignIn, type ConnectTo, type PendingSignIn } from './pending-sign-in.ts'
import { readStored, save, settle, takeAlong } from './session-io.ts'

interface Corner {
  transactions?: PendingSignIn[]
  account?: Account
  /** By the provider's key. */
  connections?: Record<string, Connection>
  /** Whose they are: they wait for this user, whose own sign-in may have ended, and for nobody else. */
  connectedTo?: ConnectTo
  /** Epoch milliseconds: a sign-in went on in another session. Nothing else is left then. */
  movedAt?: number
}

declare module 'express-session' {
  interface SessionData {
    /** By instance name. Belongs to the package; read `req.auth` instead. */
    latchkey?: Record<string, Corner>
  }
}

/** What becomes of a corner that moves to another session. */
interface Change<T> {
  /** `undefined`: it stays where and as it is. */
  readonly corner: Corner | undefined
  readonly result: T
  readonly ended: readonly (ProviderAccount | undefined)[]
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

  /** Who was signed in when the session of the request was read, but is no more: it ended here since. */
  endedAccount(req: Request): Account | undefined {
    const { account } = this.#read(req)
    return account !== undefined && this.#ended.has(account.grantId) ? account : undefined
  }

  /** Of whoever is signed in, and at any other time of whoever was. */
  connections(req: Request): readonly Connection[] {
    return Object.values(this.#read(req).connections ?? {}).filter(({ grantId }) => !this.#ended.has(grantId))
  }

  async putTransaction(req: Request, transaction: PendingSignIn): Promise<void> {
    await this.#change(req, (corner) => {
      corner.transactions = [...this.#pending(corner), transaction].slice(-MAX_TRANSACTIONS)
    })
  }

  /** @returns the transaction, which is gone from the session by then; `undefined` if it is not, or no longer, there. */
  async takeTransaction(req: Request, id: string): Promise<PendingSignIn | undefined> {
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

  /** The connections in a session of whichever request. */
  connectionsIn(session: SessionData | undefined): readonly Connection[] {
    return Object.values(session?.latchkey?.[this.#name]?.connections ?? {})
  }

  /** Notes where the account is now. */
  moveAccount(session: SessionData, account: Account, sessionId: string): void {
    const corner = session.latchkey?.[this.#name]
    session.latchkey = { ...session.latchkey, [this.#name]: { ...corner, account: { ...account, sessionId } } }
  }

  /**
   * Moves to a new session id (session fixation) that knows the account and the sign-ins still under way; and the connections, if it is
   * the same user who signs in again.
   *
   * @param open makes the account, once the id of its session is known.
   */
  async signIn(req: Request, open: (sessionId: string) => Promise<Account>): Promise<Superseded> {
    return this.#move(req, this.#keep, async (corner, sessionId) => {
      const { account: previous, connections = {}, connectedTo, transactions = [] } = corner
      const account = await open(sessionId)
      const isTheirs = connectedTo !== undefined && isOf(account, connectedTo)
      const dropped = isTheirs ? [] : Object.values(connections)
      const isOther = previous !== undefined && !maybeSameUser(previous, account)
      return {
        corner: { account, transactions, ...(isTheirs && { connections, connectedTo }) },
        result: { account: previous, isOther, connections: dropped },
        ended: [previous, ...dropped],
      }
    })
  }

  /**
   * Adds an account to those of who is signed in. Moves to a new session id, too: a request that began before would else write the session
   * back as it was.
   *
   * @param to for whom it was begun.
   * @param open makes the connection, and binds the account to the session of the given id.
   * @returns what was connected before; `not-theirs`: nobody, or another user, is signed in by now, and nothing was opened.
   */
  async connect(
    req: Request,
    to: ConnectTo,
    open: (account: Account, sessionId: string) => Promise<Connection>,
  ): Promise<Connection | undefined | 'not-theirs'> {
    return this.#move<Connection | undefined | 'not-theirs'>(req, 'all', async (corner, sessionId) => {
      const { account, connections = {} } = corner
      if (account === undefined || !isOf(account, to) || this.#ended.has(account.grantId))
        return { corner: undefined, result: 'not-theirs', ended: [] }
      const connection = await open(account, sessionId)
      const previous = Object.hasOwn(connections, connection.provider) ? connections[connection.provider] : undefined
      return {
        corner: {
          ...corner,
          account: { ...account, sessionId },
          connections: { ...connections, [connection.provider]: connection },
          connectedTo: to,
        },
        result: previous,
        ended: [previous],
      }
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

  /**
   * Was it left while this request was under way? The browser has the cookie of the new session by then.
   *
   * @throws {AuthError} `ERR_AUTH_UNAVAILABLE` while the session store cannot be reached.
   */
  async wasLeft(req: Request): Promise<boolean> {
    return this.#isNotice(await readStored(req))
  }

  /** It was ended from outside; requests under way may still have its session in their hands. */
  grantEnded(grantId: string): void {
    this.#ended.set(grantId, true)
  }

  /** Ends the whole session, the application's part of it included. */
  async signOut(req: Request): Promise<void> {
    const { account } = this.#read(req)
    for (const one of [account, ...this.connections(req)]) this.#noteEnd(one)
    await settle((done) => req.session.destroy(done))
  }

  /**
   * Forgets an account but keeps the session, and what is connected in it: its grant ended without the end-user asking for it. Saved with
   * the response; reading the stored session again would drop what the application's handler has changed in it.
   */
  forget(req: Request, account: ProviderAccount): void {
    this.#noteEnd(account)
    const corner = req.session.latchkey?.[this.#name]
    if (corner !== undefined) drop(corner, account)
  }

  /** Forgets a connection at once, whatever becomes of the response. */
  async disconnect(req: Request, connection: Connection): Promise<void> {
    this.#noteEnd(connection)
    await this.#change(req, (corner) => drop(corner, connection))
  }

  /** Runs when no change of a session is under way in this process; nor is one begun meanwhile. */
  async exclusively<T>(sessionId: string, task: () => Promise<T>): Promise<T> {
    return this.#changes.run(sessionId, task)
  }

  #noteEnd(account: ProviderAccount | undefined): void {
    if (account !== undefined) this.#ended.set(account.grantId, true)
  }

  /**
   * Goes on under a new session id. If `change` fails, or the store does, everything is as before.
   *
   * @param keep keys of the application's that go along.
   * @param change makes the new corner from the stored one.
   */
  async #move<T>(
    req: Request,
    keep: readonly string[] | 'all',
    change: (corner: Corner, sessionId: string) => Promise<Change<T>>,
  ): Promise<T> {
    const oldId = req.sessionID
    return this.#changes.run(oldId, async () => {
      const { isStored, notice } = await this.#reload(req, 'all')
      const before = notice?.latchkey?.[this.#name] ?? this.#read(req)
      const { session: old, sessionStore } = req
      // Not `regenerate()`, which deletes the old session: other tabs' requests that are on their way still carry its id.
      sessionStore.generate(req)
      const stay = (): void => void Object.assign(req, { session: old, sessionID: oldId })
      try {
        const { corner, result, ended } = await change(before, req.sessionID)
        if (corner === undefined) {
          stay()
          return result
        }
        takeAlong(old, req.session, keep)
        req.session.latchkey = { ...old.latchkey, [this.#name]: corner }
        await save(req)
        if (isStored) await this.#leaveNotice(req, oldId, old.cookie)
        for (const one of ended) this.#noteEnd(one)
        return result
      } catch (error) {
        // express-session saves what it finds at the end of the response, and a sign-in that was answered with an error is none.
        stay()
        throw error
      }
    })
  }

  /** In place of the old session, nothing but this: to delete it would give each late request a new one, and its cookie the last word. */
  async #leaveNotice({ sessionStore }: Request, oldId: string, cookie: SessionData['cookie']): Promise<void> {
    const brief = Object.assign(new expressSession.Cookie(), cookie)
    brief.maxAge = NOTICE_MS // the store keeps it no longer
    const notice: SessionData = { cookie: brief, latchkey: { [this.#name]: { movedAt: this.#now() } } }
    await settle((done) => sessionStore.set(oldId, notice, done))
  }

  /** Only to be read: of a session that nobody has touched this opens nothing. */
  #read(req: Request): Readonly<Corner> {
    return peekSession(req)?.latchkey?.[this.#name] ?? {}
  }

  /**
   * Reads what other requests stored meanwhile, except for a session that was left for a new one: express-session sets the cookie of what
   * was changed once more, and that would be the last word, over the cookie of the new one.
   *
   * @param what `corner`: what the application's handler has changed in its own part of the session stays.
   * @returns `isStored`: `false` for a session that was never saved, or is gone; `notice`: what is in the one that was left.
   */
  async #reload(req: Request, what: 'corner' | 'all'): Promise<{ isStored: boolean; notice?: SessionData }> {
    const stored = await readStored(req)
    if (stored === undefined) return { isStored: false }
    if (this.#isNotice(stored)) return { isStored: true, notice: stored }
    if (what === 'all') await settle((done) => req.session.reload(done))
    else if (stored.latchkey !== undefined) req.session.latchkey = stored.latchkey
    else delete req.session.latchkey
    return { isStored: true }
  }

  #isNotice(stored: SessionData | undefined): boolean {
    return stored?.latchkey?.[this.#name]?.movedAt !== undefined
  }

  #pending(corner: Corner): PendingSignIn[] {
    const stored = Array.isArray(corner.transactions) ? corner.transactions.map(parsePendingSignIn) : []
    return stored.filter(
      (transaction) => transaction !== undefined && !isExpired(transaction, this.#now()),
    ) as PendingSignIn[]
  }

  async #change<T>(req: Request, change: (corner: Corner) => T): Promise<T> {
    const { sessionID, sessionStore } = req
    return this.#changes.run(sessionID, async () => {
      const { notice } = await this.#reload(req, 'corner')
      const session = notice ?? req.session
      const corner = session.latchkey?.[this.#name] ?? {}
      const result = change(corner)
      session.latchkey = { ...session.latchkey, [this.#name]: corner }
      await (notice === undefined ? save(req) : settle((done) => sessionStore.set(sessionID, notice, done)))
      return result
    })
  }
}

function drop(corner: Corner, { provider, grantId }: ProviderAccount): void {
  if (corner.account?.grantId === grantId) delete corner.account
  const { connections = {} } = corner
  if (Object.hasOwn(connections, provider) && connections[provider]?.grantId === grantId) delete connections[provider]
}
