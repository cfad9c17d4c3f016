import type { Request } from 'express'
import type { OurPart } from './corner.ts'
import type { SessionRecord } from './session-record.ts'

const LAZY = Symbol('latchkey.session')

interface WithLazySession {
  [LAZY]?: LazySession
}

/** The session of a request, read but left alone until somebody asks for `req.session`, `req.sessionID` or `req.sessionStore`. */
export class LazySession {
  /** `undefined`: nothing is stored. */
  readonly record: SessionRecord | undefined
  /** Name of the cookie that carries it. */
  readonly cookieName: string
  readonly #req: Request
  readonly #run: () => void
  #isWaiting = false
  #isOpen = false
  #peeked: OurPart | undefined

  /** @param run gives the request all three, before it returns. */
  constructor(req: Request, record: SessionRecord | undefined, cookieName: string, run: () => void) {
    this.#req = req
    this.record = record
    this.cookieName = cookieName
    this.#run = run
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  /** Our part of it, to be read only. */
  get peeked(): OurPart {
    return (this.#peeked ??= { latchkey: this.record?.latchkey })
  }

  /** From now on the first to touch the session opens it. */
  wait(): void {
    this.#isWaiting = true
    // One by one, which costs a third of what `defineProperties` does.
    for (const name of NAMES) Object.defineProperty(this.#req, name, WAITING[name])
    // Not enumerable: a request that is logged, or copied, shows no session by it.
    Object.defineProperty(this.#req, LAZY, { value: this, configurable: true })
  }

  /** Makes plain properties of the three. */
  open(): void {
    if (this.#isOpen) return
    this.#isOpen = true
    const req = this.#req as Partial<Request>
    // What the application has deleted stays so.
    const gone = this.#isWaiting ? NAMES.filter((name) => !Object.hasOwn(req, name)) : []
    for (const name of NAMES) delete req[name]
    this.#run()
    for (const name of gone) delete req[name]
  }
}

/** In the order in which express-session adds them. */
const NAMES = ['sessionStore', 'sessionID', 'session'] as const

type Name = (typeof NAMES)[number]

/** The same functions for all requests. `this` may be something that the application made of the request. */
function opening(name: Name): PropertyDescriptor {
  return {
    configurable: true,
    enumerable: true,
    get(this: WithLazySession & Partial<Record<Name, unknown>>): unknown {
      this[LAZY]?.open()
      return this[name]
    },
    set(this: WithLazySession & Partial<Record<Name, unknown>>, value: unknown) {
      this[LAZY]?.open()
      this[name] = value
    },
  }
}

const WAITING: Readonly<Record<Name, PropertyDescriptor>> = {
  sessionStore: opening('sessionStore'),
  sessionID: opening('sessionID'),
  session: opening('session'),
}

export function lazySessionOf(req: Request): LazySession | undefined {
  return (req as WithLazySession)[LAZY]
}

/**
 * Our part of the request's session, to be read only: nothing is opened for it.
 *
 * @returns `undefined` where the session was destroyed.
 */
export function peekSession(req: Request): OurPart | undefined {
  const lazy = lazySessionOf(req)
  if (lazy === undefined || lazy.isOpen) return (req as Partial<Request>).session
  // `delete req.session` opens nothing.
  return Object.hasOwn(req, 'session') ? lazy.peeked : undefined
}
