import { setTimeout as delay } from 'node:timers/promises'
import type { Orders } from './authorization-server.ts'
import { TIMES, type Cluster } from './cluster.ts'
import type { Answer, Herd, Session, Wish } from './herd.ts'
import { atMost, exactly, percentile, within, type Cell, type Row } from './report.ts'
import type { FamilyReport } from './token-families.ts'

export interface Expected {
  /**
   * Redemptions whose answer nobody has: the server has spent the token, and its successor died on the way or with the process that had
   * it. A strict server ends those sessions when the old token comes again, and nobody can know better. From, to.
   */
  readonly unknowable?: readonly [number, number]
  /** Requests that the server never decided, so that the token is presented once more, and is good. From, to. */
  readonly undecided?: readonly [number, number]
  /** Sign-outs during the herd. */
  readonly signedOut?: number
  /** A holder may come back with an answer after the old token was presented again; the server then refuses what it brings, too. */
  readonly isLate?: boolean
  /** May requests be told to come later? Then with 503 and `Retry-After`. */
  readonly isBusy?: boolean
  /** Requests at a worker that was struck. At most. */
  readonly cut?: number
}

export interface Scenario {
  readonly name: string
  readonly sessions: readonly Session[]
  /** What the authorization server does meanwhile. */
  readonly orders?: Orders
  /** Lets the herd loose and does its worst. @returns what to wait for where the fault outlasts the herd. */
  readonly act: (scene: Scene) => Promise<void | { readonly over: Promise<void> }>
  readonly expected: Expected
}

/** One more than there are workers, so that each of them is now and then the first to be asked. */
const REQUESTS_PER_GRANT = 5
/** Nothing expires by itself during a scenario. */
const LONG_MS = 600_000
/** A token in doubt waits for two leases, a refused one for one more. */
const SETTLED_MS = 4 * TIMES.leaseMs + 2 * TIMES.waitMs
/** How long a request may take: its waiting time, the commands to Redis around it, and what a busy machine adds. */
const BUDGET_MS = TIMES.waitMs + 3 * TIMES.commandTimeoutMs + 500

interface StampedeSize {
  /** Requests for each grant. */
  readonly times?: number
  readonly atOnce?: number | undefined
}

/** One scenario while it goes on. */
export class Scene {
  readonly cluster: Cluster
  readonly herd: Herd
  readonly group: string
  readonly sessions: readonly Session[]
  readonly answers: Answer[] = []
  constructor(cluster: Cluster, herd: Herd, sessions: readonly Session[]) {
    this.cluster = cluster
    this.herd = herd
    this.sessions = sessions
    this.group = groupOf(sessions)
  }

  /** All at the same instant, and those for one grant at different workers. */
  readonly stampede = async (
    change: Partial<Wish> = {},
    { times = REQUESTS_PER_GRANT, atOnce }: StampedeSize = {},
  ): Promise<void> => {
    const wishes = this.sessions.flatMap((session) =>
      Array.from({ length: times }, () => ({ session, path: '/token', ...change })),
    )
    this.answers.push(...(await this.herd.all(wishes, atOnce)))
  }
}

/**
 * Lets the herd find all tokens of a group expired, with a fault in the middle; waits until everybody knows where they are; then expires
 * all tokens once more: whoever is then served has the newest refresh token, and it was good.
 */
export async function play(cluster: Cluster, herd: Herd, scenario: Scenario): Promise<Row> {
  const { sessions, expected } = scenario
  const scene = new Scene(cluster, herd, sessions)
  herd.lagMs = 0
  await cluster.order({ lifetimeMs: LONG_MS, ...scenario.orders })
  const begun = performance.now()
  const acted = await scenario.act(scene)
  await cluster.order({ lifetimeMs: LONG_MS })
  const [lostTheirs, settling] = await Promise.all([
    unknowable(scene, begun + 2 * TIMES.leaseMs),
    herd.untilSettled(sessions, '/token', SETTLED_MS),
  ])
  await acted?.over

  await cluster.expire(scene.group)
  const again = await herd.untilSettled(sessions, '/resource', SETTLED_MS)

  const book = await cluster.book(scene.group)
  const isLate = ({ subject }: Session): boolean =>
    book.get(subject)?.isLate === true || cluster.storedLate.has(subject)
  // A machine that stands still may make the answer late in any scenario; here it is proven.
  const unknown = new Set(sessions.filter((session) => lostTheirs.has(session.subject) && (expected.unknowable !== undefined || !isLate(session)))) // prettier-ignore
  const late = sessions.filter((session) => isLate(session) && !unknown.has(session))
  const mayBeOver = (session: Session): boolean =>
    unknown.has(session) || isLate(session) || session.signedOutAt !== undefined
  const served = again.last.filter(({ status }) => status === 200)
  const isServed = new Set(served.map(({ session }) => session))
  const isForeign = served.filter(({ session, body }) => body.subject !== session.subject)
  return row(scenario, scene, book, {
    alive: sessions.filter((session) => isServed.has(session) || !mayBeOver(session)).length,
    unknowable: unknown.size,
    late: late.filter((session) => !isServed.has(session) || (book.get(session.subject)?.alarmedBy.length ?? 0) > 0),
    lost: sessions.filter((session) => !isServed.has(session) && !mayBeOver(session)).length,
    wrong: isForeign.length + (await wrongAnswers(cluster, [...scene.answers, ...settling.all], mayBeOver)),
    budgetMs: BUDGET_MS + 10 * Math.round(herd.lagMs),
  })
}

/** Whose answer was neither stored when the herd had gone nor by `deadline`: from then on the old token may be presented again. */
async function unknowable(scene: Scene, deadline: number): Promise<Set<string>> {
  const early = await behind(scene)
  if (early.size === 0) return early
  await delay(deadline - performance.now())
  const late = await behind(scene)
  return new Set([...early].filter((subject) => late.has(subject)))
}

/** Subjects whose tokens the server has redeemed more often than a successor was stored. */
async function behind({ cluster, group, sessions }: Scene): Promise<Set<string>> {
  // In this order: what is redeemed in between is not missed in the store.
  const [book, generations] = [await cluster.book(group), await cluster.generations()]
  const signedOut = new Set(sessions.filter(({ signedOutAt }) => signedOutAt !== undefined).map(({ subject }) => subject)) // prettier-ignore
  const found = [...book.values()].filter(({ subject, redeemedBy }) => {
    const generation = generations.get(subject)
    return !signedOut.has(subject) && (generation === undefined || redeemedBy.length > generation - 1)
  })
  return new Set(found.map(({ subject }) => subject))
}

/**
 * Everything but a token of this very user that was good when it was handed out, "come again later", or "sign in again" for one who has
 * signed out or could not be kept.
 */
async function wrongAnswers(
  cluster: Cluster,
  answers: readonly Answer[],
  mayBeOver: (session: Session) => boolean,
): Promise<number> {
  const handedOut = answers.filter(({ status }) => status === 200)
  const verdicts = await cluster.judge(handedOut.map(({ body }) => ({ token: body.token ?? '', at: body.at ?? 0 })))
  const isWrongToken = handedOut.filter(({ session, body }, at) => {
    const verdict = verdicts[at]
    if (verdict?.subject !== session.subject) return true
    const isAfterSignOut = session.signedOutAt !== undefined && (body.at ?? 0) > session.signedOutAt
    return isAfterSignOut || (!verdict.isLive && !mayBeOver(session))
  })
  const isWrongRefusal = answers.filter(({ status, session, retryAfter, body }) => {
    if (status === 200 || status === 'cut' || status === 'hung up') return false
    if (status === 503) return retryAfter === undefined || body.code !== 'ERR_AUTH_UNAVAILABLE'
    return status !== 401 || !mayBeOver(session)
  })
  return isWrongToken.length + isWrongRefusal.length
}

interface Outcome {
  /** Sessions that could be refreshed once more. */
  readonly alive: number
  readonly unknowable: number
  /** Sessions that were harmed, and for which it is proven that a decision or a commit came two leases or more after the claim. */
  readonly late: readonly Session[]
  readonly lost: number
  readonly wrong: number
  readonly budgetMs: number
}

function row(
  { name, sessions, expected }: Scenario,
  { answers }: Scene,
  book: ReadonlyMap<string, FamilyReport>,
  { alive, unknowable: unknown, late, lost, wrong, budgetMs }: Outcome,
): Row {
  const families = [...book.values()]
  const sum = (of: (family: FamilyReport) => number): number =>
    families.reduce((total, family) => total + of(family), 0)
  const times = answers.filter(({ status }) => typeof status === 'number').map(({ ms }) => ms).toSorted((a, b) => a - b) // prettier-ignore
  const count = (status: Answer['status']): number => answers.filter((answer) => answer.status === status).length
  const isHarmed = new Set(late.map(({ subject }) => subject))
  const lateAlarms = families.filter(({ subject }) => isHarmed.has(subject)).reduce((total, { alarmedBy }) => total + alarmedBy.length, 0) // prettier-ignore
  const lateLost = late.filter(({ subject }) => book.get(subject)?.revoked === 'reuse').length
  const neverDecided = sum(({ undecided }) => undecided)
  const expiries = sessions.length + alive
  const presented = expiries + unknown + neverDecided
  const together = families.filter(({ subject }) => !isHarmed.has(subject)).map((family) => family.together)
  const signedOut = sessions.filter((session) => session.signedOutAt !== undefined && book.get(session.subject)?.revoked === 'by the client') // prettier-ignore
  const cells: Cell[] = [
    exactly('grants', families.length, sessions.length),
    exactly('expiries', expiries, 2 * sessions.length - unknown - (expected.signedOut ?? 0) - lateLost),
    // What is lost is presented once more, refused, and never again.
    within('refresh requests', sum(({ presentations }) => presentations.reduce((total, each) => total + each, 0)), [presented, presented + (expected.isLate === true ? unknown : 0) + 3 * late.length]),
    within('never decided', neverDecided, expected.undecided ?? [0, 0]),
    exactly('at once', Math.max(...together), 1),
    exactly('reuse alarms', sum(({ alarmedBy }) => alarmedBy.length), unknown + lateAlarms),
    within('lost, unknowable', unknown, expected.unknowable ?? [0, 0]),
    within('lost, proven late', late.length, [0, late.length]),
    exactly('lost, other', lost, 0),
    exactly('signed out, revoked', signedOut.length, expected.signedOut ?? 0),
    within('told to come later', count(503), [0, expected.isBusy === true ? answers.length : 0]),
    within('cut off', count('cut'), [0, expected.cut ?? 0]),
    exactly('wrong answers', wrong, 0),
    atMost('p50', percentile(times, 0.5), budgetMs, ' ms'),
    atMost('p99', percentile(times, 0.99), budgetMs, ' ms'),
    atMost('max', times.at(-1) ?? Number.NaN, budgetMs, ' ms'),
  ] // prettier-ignore
  return { scenario: name, cells }
}

export function groupOf(sessions: readonly Session[]): string {
  return sessions[0]?.subject.split('/', 1)[0] ?? ''
}
