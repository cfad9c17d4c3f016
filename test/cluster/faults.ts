import { setTimeout as delay } from 'node:timers/promises'
import { TIMES, type Worker } from './cluster.ts'
import type { Fault } from './fault-points.ts'
import { CALMLY, type Session } from './herd.ts'
import type { Scenario, Scene } from './scenario.ts'

const { leaseMs } = TIMES

/** Of a group, those to which something happens that happens to a part. */
const SOME = 12

/** A worker that is struck may have as many requests as its share of the herd, and those that came before. */
const STRUCK = 80

/** The worker that gets so far is killed, and another one takes its place. */
function killedAt(fault: Omit<Fault, 'signal'>): Scenario['act'] {
  return async (scene) => {
    const worker = await strike({ ...fault, signal: 'SIGKILL' }, scene)
    await scene.cluster.replace(worker)
  }
}

/** The worker that gets so far stands still for a while, as one does whose machine is suspended, or swaps, or collects garbage. */
function stoppedAt(fault: Omit<Fault, 'signal'>, forMs: number): Scenario['act'] {
  return async (scene) => {
    const { cluster } = scene
    let over: Promise<void> = Promise.resolve()
    await strike({ ...fault, signal: 'SIGSTOP' }, scene, (worker) => {
      over = delay(forMs).then(async () => {
        cluster.resume(worker)
        await delay(500) // until it has done what it was at
      })
    })
    return { over }
  }
}

/** One worker gets a few requests before the herd comes, so that it is the holder of something, and is struck amidst. */
async function strike(
  fault: Fault,
  { cluster, herd, sessions, answers, stampede }: Scene,
  onStruck: (worker: Worker) => void = () => {},
): Promise<Worker> {
  const { worker, struck } = await cluster.arm(fault)
  const told = struck.then(() => onStruck(worker))
  const first = Promise.all(sessions.slice(0, SOME).map((session) => herd.send({ session, path: '/token', worker })))
  await Promise.race([told, delay(100)])
  await Promise.all([stampede(), told])
  answers.push(...(await first))
  return worker
}

/** A deployment: the worker stops listening, stores what it has asked for, and ends. */
async function endedInOrder({ cluster, group, stampede }: Scene): Promise<void> {
  const herd = stampede()
  await cluster.presented(group, SOME)
  await Promise.all([herd, cluster.drain(cluster.next())])
}

/** Redis goes away while answers are on their way, and comes back. */
function redisAway(away: (scene: Scene) => Promise<void>): Scenario['act'] {
  return async (scene) => {
    const { cluster, group, sessions, stampede } = scene
    const herd = stampede()
    await cluster.presented(group, sessions.length / 2)
    const back = away(scene)
    await cluster.order({ lifetimeMs: 600_000 })
    await Promise.all([herd, back])
  }
}

/** While every refresh is under way: the server has redeemed the tokens, and its answers come when half of the people have gone. */
function half(signOut: (scene: Scene, session: Session) => Promise<void>): Scenario['act'] {
  return async (scene) => {
    const { cluster, group, sessions, stampede } = scene
    const wave = stampede()
    await cluster.presented(group, sessions.length)
    await Promise.all(
      sessions.slice(0, sessions.length / 2).map(async (session) => {
        await signOut(scene, session)
        session.signedOutAt = Date.now()
      }),
    )
    await cluster.order({ lifetimeMs: 600_000 })
    await wave
  }
}

const signOutHere = half(async ({ herd }, session) => {
  await herd.send({ session: { ...session }, path: '/logout', method: 'POST' })
})

const signOutThere = half(async ({ cluster }, { subject }) => {
  const status = await cluster.signOutAtServer(subject)
  if (status !== 200) throw new Error(`the logout token was answered with ${status}`)
})

/** As an application does after it has asked for a second factor: a new session id, and what we had in the session copied over. */
async function regenerate({ cluster, herd, group, sessions, stampede, answers }: Scene): Promise<void> {
  const before = stampede({}, { times: 1 })
  await cluster.presented(group, sessions.length)
  const changes = await herd.all(sessions.map((session) => ({ session, path: '/regenerate', method: 'POST' })))
  answers.push(...changes.filter(({ status }) => status !== 200))
  const after = stampede({}, { times: 3 })
  await delay(50)
  await cluster.order({ lifetimeMs: 600_000 })
  await Promise.all([before, after])
}

export const FAULTS: readonly Omit<Scenario, 'sessions'>[] = [
  {
    name: 'nothing goes wrong',
    act: async ({ stampede }) => stampede({}, { atOnce: CALMLY }),
    expected: {},
  },
  {
    name: 'holder killed: claimed',
    act: killedAt({ point: 'claimed', nth: 1 }),
    expected: { isBusy: true, cut: STRUCK },
  },
  {
    name: 'holder killed: sent',
    act: killedAt({ point: 'sent', nth: 5 }),
    expected: { unknowable: [1, 48], isBusy: true, cut: STRUCK },
  },
  {
    name: 'holder killed: sent, and the server notices',
    orders: { thinkMs: 800, noticesHangUp: true },
    act: killedAt({ point: 'sent', nth: 1 }),
    expected: { undecided: [1, SOME], isBusy: true, cut: STRUCK },
  },
  {
    name: 'holder killed: answered',
    act: killedAt({ point: 'answered', nth: 5 }),
    expected: { unknowable: [1, 48], isBusy: true, cut: STRUCK },
  },
  {
    name: 'holder killed: stored',
    act: killedAt({ point: 'stored', nth: 5 }),
    expected: { unknowable: [0, 47], isBusy: true, cut: STRUCK },
  },
  {
    name: 'holder stopped for 3 leases: claimed',
    act: stoppedAt({ point: 'claimed', nth: 1 }, 3 * leaseMs),
    expected: { isBusy: true, cut: STRUCK },
  },
  {
    name: 'holder stopped for 3 leases: answered',
    act: stoppedAt({ point: 'answered', nth: 3 }, 3 * leaseMs),
    expected: { unknowable: [1, 48], isLate: true, isBusy: true, cut: STRUCK },
  },
  {
    name: 'holder stopped for 1.5 leases: answered',
    act: stoppedAt({ point: 'answered', nth: 3 }, 1.5 * leaseMs),
    expected: { isBusy: true, cut: STRUCK },
  },
  {
    name: 'worker told to end, and replaced',
    orders: { thinkMs: 500 },
    act: endedInOrder,
    // A request may be on its way over a connection that is closed for being idle; a balancer would send it again.
    expected: { isBusy: true, cut: STRUCK },
  },
  {
    name: 'Redis stopped for 1.5 s',
    orders: { holdsAnswers: true },
    act: redisAway(async ({ cluster }) => {
      cluster.redis.process.kill('SIGSTOP')
      await delay(1_500)
      cluster.redis.process.kill('SIGCONT')
    }),
    expected: { isBusy: true },
  },
  {
    name: 'Redis killed and restarted',
    orders: { holdsAnswers: true },
    act: redisAway(async ({ cluster }) => {
      await cluster.redis.kill()
      await delay(500)
      await cluster.redis.start()
    }),
    expected: { isBusy: true },
  },
  {
    name: 'server slower than the deadline',
    orders: { thinkMs: 1.2 * TIMES.deadlineMs },
    act: async ({ stampede }) => stampede(),
    expected: { isBusy: true },
  },
  {
    name: 'server slower than the lease',
    orders: { thinkMs: 1.3 * leaseMs },
    act: async ({ stampede }) => stampede(),
    expected: { isBusy: true },
  },
  {
    name: 'connection dropped before the decision',
    orders: { lose: { count: SOME, how: 'dropped before' } },
    act: async ({ stampede }) => stampede(),
    expected: { undecided: [SOME, SOME], isBusy: true },
  },
  {
    name: 'answer lost after rotation',
    orders: { lose: { count: SOME, how: 'dropped after' } },
    act: async ({ stampede }) => stampede(),
    expected: { unknowable: [SOME, SOME], isBusy: true },
  },
  {
    name: '500 after rotation',
    orders: { lose: { count: SOME, how: '500 after' } },
    act: async ({ stampede }) => stampede(),
    expected: { unknowable: [SOME, SOME], isBusy: true },
  },
  {
    name: 'clients hang up',
    orders: { thinkMs: 300 },
    act: async ({ stampede }) => stampede({ hangUpMs: 150 }),
    expected: {},
  },
  {
    name: 'sign-out in the middle',
    orders: { holdsAnswers: true },
    act: signOutHere,
    expected: { signedOut: 24, isBusy: true },
  },
  {
    name: 'back-channel sign-out in the middle',
    orders: { holdsAnswers: true },
    act: signOutThere,
    expected: { signedOut: 24, isBusy: true },
  },
  {
    name: 'session regenerated in the middle',
    orders: { holdsAnswers: true },
    act: regenerate,
    expected: { isBusy: true },
  },
]
