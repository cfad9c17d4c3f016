import { boundsFor, L, TICK, type Bounds, type Reuse } from './settings.ts'

/** What is checked; the names are the model's. */
export type Property = 'P1' | 'P2' | 'P3' | 'P4' | 'P4_REVOKED' | 'P5' | 'P6_NO_LOSS' | 'P7' | 'REFUSED_TWICE' | 'RULE'

export class Violation extends Error {
  readonly property: Property
  readonly what: string

  constructor(property: Property, what: string) {
    super(`${property}: ${what}`)
    this.name = 'Violation'
    this.property = property
    this.what = what
  }
}

/** One refresh token on its way to the server and what became of it. */
export interface Presentation {
  readonly holder: object
  readonly generation: number
  readonly inDoubt: boolean
  /** When its claim was asked for. */
  readonly askedAt: number
  /** When the holder last looked at its clock. */
  checkedAt: number
  /** `request`: undecided. `tokens`: there are new ones, nowhere but here. */
  wire: 'none' | 'request' | 'tokens'
  /** The new tokens have reached their holder; it has asked the store to keep them. */
  isReceived: boolean
  isStoring: boolean
}

/** The only excuses for a lost grant, and for a family that a sign-out leaves alive. */
interface Excuses {
  /** The server rotated and the answer reached nobody, or its holder died before it was stored. */
  lost: boolean
  /** An answer was not stored within the bound. */
  late: boolean
  gone: boolean
  /** A request was sent, or decided, too long after the look at the clock. */
  over: boolean
  /** A claimant came within the grace period and was told to wait: no excuse but the end of one. */
  spent: boolean
  /** Tokens of another subject were answered, or an ID Token that the server did not sign. */
  alien: boolean
  /** A revocation did not arrive, or its sender died before it was sent. */
  unrevoked: boolean
}

/**
 * P1 to P7 over one run, with the exact bounds and excuses of the model, seen from outside: what is sent, what the server decides, what the
 * store answers, what callers get.
 */
export class RefreshPromise {
  readonly reuse: Reuse
  readonly bounds: Bounds
  readonly excuses: Excuses = {
    lost: false,
    late: false,
    gone: false,
    over: false,
    spent: false,
    alien: false,
    unrevoked: false,
  }
  /** The first one. Checks run inside the engine's calls, which would catch what is thrown. */
  violation: Violation | undefined
  /** The stored generation. */
  generation = 1
  /** Has the stored generation been refused to a holder in doubt? */
  isRefused = false
  record: 'alive' | 'signed-out' | 'lost' | 'untrusted' = 'alive'
  /** When sign-out was answered. */
  signedOutAt: number | undefined
  readonly #now: () => number
  readonly #presentations = new Set<Presentation>()
  /** Answers that their holder has, and does not know to be stored. */
  readonly #held = new Set<Presentation>()
  readonly #presented = new Map<number, number>()
  readonly #newest = new WeakMap<object, Map<string, number>>()

  constructor(reuse: Reuse, now: () => number) {
    this.reuse = reuse
    this.bounds = boundsFor(reuse)
    this.#now = now
  }

  require(holds: boolean, property: Property, what: string): void {
    if (!holds) this.violation ??= new Violation(property, what)
  }

  /** @throws {Violation} if there was one. */
  enforce(): void {
    if (this.violation !== undefined) throw this.violation
  }

  // ---- On the wire

  sends(presentation: Presentation): void {
    const { generation, inDoubt } = presentation
    const isOver = this.#age(presentation) >= this.bounds.send
    if (isOver) this.excuses.over = true
    this.#presented.set(generation, this.presentations(generation) + 1)
    this.require(
      this.generation === generation || isOver || (inDoubt && this.excuses.late),
      'P2',
      `RT${generation} is sent though generation ${this.generation} is stored`,
    )
    this.require(!this.isRefused || isOver, 'REFUSED_TWICE', `RT${generation} is sent again after it was refused`)
    for (const other of this.#presentations) {
      if (other.wire !== 'request' || other.generation !== generation) continue
      const isExcused = isOver || this.#age(other) >= this.bounds.send
      this.require(isExcused, 'P1', `two undecided requests present RT${generation}`)
    }
    presentation.wire = 'request'
    this.#presentations.add(presentation)
  }

  /** Decided without new tokens, or lost on its way. */
  isOver(presentation: Presentation): void {
    presentation.wire = 'none'
    this.#presentations.delete(presentation)
  }

  redeemed(presentation: Presentation, isAwaited: boolean): void {
    if (!isAwaited) {
      this.answerLost(presentation)
      return
    }
    presentation.wire = 'tokens'
    this.timePassed()
  }

  answerLost(presentation: Presentation): void {
    this.excuses.lost = true
    this.isOver(presentation)
  }

  died(holder: object): void {
    for (const presentation of this.#presentations) {
      if (presentation.holder !== holder || presentation.wire !== 'tokens') continue
      this.excuses.lost = true
      // What is on its way to the store may still come in.
      if (!presentation.isStoring) this.isOver(presentation)
    }
    for (const held of this.#held) if (held.holder === holder) this.#held.delete(held)
  }

  received(presentation: Presentation): void {
    presentation.isReceived = true
    this.#held.add(presentation)
  }

  storing(holder: object, generation: number): void {
    for (const each of this.#presentations) {
      if (each.holder === holder && each.generation === generation) each.isStoring = true
    }
  }

  /** Has this process an answer that is not stored? */
  leavesBehind(process: object): boolean {
    return [...this.#presentations].some(
      ({ holder, wire, isReceived }) => holder === process && wire === 'tokens' && isReceived,
    )
  }

  /** Has this process an answer that it does not know to be stored, and that it may serve? */
  mayServeHeld(process: object): boolean {
    return [...this.#held].some(({ holder, askedAt }) => holder === process && this.#now() - askedAt < 2 * L * TICK)
  }

  /** It knows what became of its answer. */
  knows(process: object, generation: number): void {
    for (const held of this.#held) {
      if (held.holder === process && held.generation === generation) this.#held.delete(held)
    }
  }

  /** Nothing is under way any more: whoever got an answer and lives has stored it. */
  atRest(): void {
    const isDropped = [...this.#presentations].some(({ wire }) => wire === 'tokens')
    this.require(!isDropped || this.excuses.alien || this.excuses.lost, 'P6_NO_LOSS', 'an answer was dropped')
  }

  /** The tokens are stored, or dropped because newer ones are, or about to be revoked. */
  settled(holder: object, generation: number): void {
    for (const presentation of this.#presentations) {
      if (presentation.holder !== holder || presentation.generation !== generation) continue
      if (presentation.wire === 'tokens') this.isOver(presentation)
    }
  }

  timePassed(): void {
    const { send, late, gone } = this.bounds
    for (const presentation of this.#presentations) {
      const ticks = (this.#now() - presentation.askedAt) / TICK
      if (presentation.wire === 'request' && this.#age(presentation) >= send) this.excuses.over = true
      // A holder that neither is paused nor waits for the store has no excuse.
      if (presentation.wire !== 'tokens' || (presentation.isReceived && !presentation.isStoring)) continue
      if (ticks >= late) this.excuses.late = true
      if (ticks >= gone) this.excuses.gone = true
    }
  }

  presentations(generation: number): number {
    return this.#presented.get(generation) ?? 0
  }

  // ---- In the store

  stored(generation: number): void {
    this.require(this.record === 'alive', 'P4', `generation ${generation} is stored after the grant ended`)
    this.require(generation > this.generation, 'P3', `generation ${generation} is stored over ${this.generation}`)
    this.generation = generation
    this.isRefused = false
  }

  /** Ends by rule: tokens of somebody else came back. */
  distrusts(): void {
    this.record = 'untrusted'
    this.require(this.excuses.alien, 'P6_NO_LOSS', 'the grant ends as untrusted, and all that was answered is its own')
  }

  loses(): void {
    this.record = 'lost'
    const { lost, gone, over, spent, alien } = this.excuses
    const excused = { revokes: lost || gone || over, refuses: lost || gone, grace: !spent, reusable: false }
    this.require(excused[this.reuse] || alien, 'P6_NO_LOSS', 'the grant ends, and nothing excuses it')
  }

  // ---- At a caller

  /**
   * @param generation of the record that it was read from: two refreshes of one generation may each leave another token as it was.
   * @param mayBeStale it may come from a journal or from a cache within its age limit.
   */
  handsOut(
    process: object,
    { token, generation }: { readonly token: string; readonly generation: number },
    target: string,
    isAfterSignOut: boolean,
    mayBeStale: boolean,
  ): void {
    const issued = readAccessToken(token)
    const newest = this.#newest.get(process) ?? new Map<string, number>()
    const seen = newest.get(target) ?? 0
    this.require(generation >= seen, 'P3', `${token} is handed out after one of generation ${seen}`)
    this.require(issued.generation <= generation, 'P3', `${token} is handed out as one of generation ${generation}`)
    this.require(!isAfterSignOut || mayBeStale, 'P4', `${token} is handed out after sign-out was answered`)
    this.require(!issued.isAlien, 'P7', `${token} is somebody else's`)
    this.require(issued.target === target, 'P7', `${token} is handed out for ${target || 'no resource'}`)
    this.#newest.set(process, newest.set(target, Math.max(seen, generation)))
  }

  #age({ checkedAt }: Presentation): number {
    return (this.#now() - checkedAt) / TICK
  }
}

/** `AT2/7`: of generation 2, from the seventh answer; and where it is so, for which resource, and that it is somebody else's. */
export function accessTokenFor(generation: number, serial: number, target: string, isAlien: boolean): string {
  return `AT${generation}/${serial}${target && ` for ${target}`}${isAlien ? ' of another' : ''}`
}

function readAccessToken(token: string): { generation: number; target: string; isAlien: boolean } {
  const [, generation, target = '', another] = /^AT(\d+)\/\d+(?: for (\S+))?( of another)?$/.exec(token) ?? []
  return { generation: Number(generation), target, isAlien: another !== undefined }
}
