import type { Request } from 'express'
import type { SessionData } from 'express-session'
import { isOf, maybeSameUser, type Account, type Connection, type ProviderAccount, type Superseded } from './account.ts'
import { CornerChanges } from './corner-changes.ts'
import { cornerIn, drop, pendingIn, putCorner, type Corner } from './corner.ts'
import { EndedGrants } from './ended-grants.ts'
import type { ConnectTo, PendingSignIn } from './pending-sign-in.ts'
import { settle } from './session-io.ts'
import { SessionMoves } from './session-moves.ts'

declare module 'express-session' {
  interface SessionData {
    /** By instance name. Belongs to the package; read `req.auth` instead. */
    latchkey?: Record<string, Corner>
  }
}

/** The oldest goes when there are more: an abandoned sign-in must not fill the session. */
const MAX_TRANSACTIONS = 10

/** Our corner of `req.session`: who is signed in, with which accounts, and the sign-ins under way. */
export class SessionCorner {
  readonly #keep: readonly string[]
  readonly #now: () => number
  readonly #changes: CornerChanges
  readonly #moves: SessionMoves
  readonly #ended = new EndedGrants()

  /**
   * @param name of the package's instance.
   * @param keep keys of an anonymous session that survive the sign-in; the rest could have been planted (session fixation).
   */
  constructor(name: string, keep: readonly string[], now: () => number) {
    this.#keep = keep
    this.#now = now
    this.#changes = new CornerChanges(name)
    this.#moves = new SessionMoves(this.#changes, this.#ended, now)
  }

  account(req: Request): Account | undefined {
    const { account } = this.#changes.read(req)
    return account === undefined || this.#ended.has(account) ? undefined : account
  }

  /** Who was signed in when the session of the request was read, but is no more: it ended here since. */
  endedAccount(req: Request): Account | undefined {
    const { account } = this.#changes.read(req)
    return account !== undefined && this.#ended.has(account) ? account : undefined
  }

  /** Of whoever is signed in, and at any other time of whoever was. */
  connections(req: Request): readonly Connection[] {
    return Object.values(this.#changes.read(req).connections ?? {}).filter((one) => !this.#ended.has(one))
  }

  async putTransaction(req: Request, transaction: PendingSignIn): Promise<void> {
    await this.#changes.change(req, (corner) => {
      corner.transactions = [...pendingIn(corner, this.#now()), transaction].slice(-MAX_TRANSACTIONS)
    })
  }

  /** @returns the transaction, which is gone from the session by then; `undefined` if it is not, or no longer, there. */
  async takeTransaction(req: Request, id: string): Promise<PendingSignIn | undefined> {
    const known = pendingIn(this.#changes.read(req), this.#now())
    if (known.every((transaction) => transaction.id !== id)) return undefined
    return this.#changes.change(req, (corner) => {
      const pending = pendingIn(corner, this.#now())
      corner.transactions = pending.filter((transaction) => transaction.id !== id)
      return pending.find((transaction) => transaction.id === id)
    })
  }

  /** The account in a session of whichever request. */
  accountIn(session: SessionData): Account | undefined {
    return cornerIn(session, this.#changes.name)?.account
  }

  /** The connections in a session of whichever request. */
  connectionsIn(session: SessionData | undefined): readonly Connection[] {
    return Object.values(cornerIn(session, this.#changes.name)?.connections ?? {})
  }

  /** Notes where the account is now. */
  moveAccount(session: SessionData, account: Account, sessionId: string): void {
    const { name } = this.#changes
    putCorner(session, name, { ...cornerIn(session, name), account: { ...account, sessionId } })
  }

  /**
   * Moves to a new session id (session fixation) that knows the account and the sign-ins still under way; and the connections, if it is
   * the same user who signs in again.
   *
   * @param open makes the account, once the id of its session is known.
   */
  async signIn(req: Request, open: (sessionId: string) => Promise<Account>): Promise<Superseded> {
    return this.#moves.move(req, this.#keep, async (corner, sessionId) => {
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
    return this.#moves.move<Connection | undefined | 'not-theirs'>(req, 'all', async (corner, sessionId) => {
      const { account, connections = {} } = corner
      if (account === undefined || !isOf(account, to) || this.#ended.has(account))
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
    return this.#moves.isRecent(req)
  }

  /**
   * Was it left while this request was under way? The browser has the cookie of the new session by then.
   *
   * @throws {AuthError} `ERR_AUTH_UNAVAILABLE` while the session store cannot be reached.
   */
  async wasLeft(req: Request): Promise<boolean> {
    return this.#moves.hasHappened(req)
  }

  /** It was ended from outside; requests under way may still have its session in their hands. */
  grantEnded(grantId: string): void {
    this.#ended.add({ grantId })
  }

  /** Ends the whole session, the application's part of it included. */
  async signOut(req: Request): Promise<void> {
    const { account } = this.#changes.read(req)
    const connections = this.connections(req)
    for (const one of account === undefined ? connections : [account, ...connections]) this.#ended.add(one)
    await settle((done) => req.session.destroy(done))
  }

  /**
   * Forgets an account but keeps the session, and what is connected in it: its grant ended without the end-user asking for it. Saved with
   * the response; reading the stored session again would drop what the application's handler has changed in it.
   */
  forget(req: Request, account: ProviderAccount): void {
    this.#ended.add(account)
    const corner = cornerIn(req.session, this.#changes.name)
    if (corner !== undefined) drop(corner, account)
  }

  /** Forgets a connection at once, whatever becomes of the response. */
  async disconnect(req: Request, connection: Connection): Promise<void> {
    this.#ended.add(connection)
    await this.#changes.change(req, (corner) => drop(corner, connection))
  }

  /** Runs when no change of a session is under way in this process; nor is one begun meanwhile. */
  async exclusively<T>(sessionId: string, task: () => Promise<T>): Promise<T> {
    return this.#changes.exclusively(sessionId, task)
  }
}
