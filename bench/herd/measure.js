// How a contender does when many requests find their access token expired.
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort, start, stopAll } from '../support/processes.js'
import { CLIENT } from '../support/fixtures.js'
import { StrictServer } from '../support/strict-server-control.js'
import { burst, openConnections, warmUp } from './burst.js'
import { median } from '../support/statistics.js'
import { Sessions } from './sessions.js'

/** Alone, one after the other, at one process. */
const LONE_REFRESHES = 10

const PATH = '/token'

const MAX_LIFETIME_SECONDS = 30

/** @returns what each contender did in each case, in each with a fault, and how long its lone refresh takes. */
export async function measureHerd(suite, { rounds, only, log }) {
  const chosen = suite.contenders.filter(({ name }) => name.includes(only))
  const { contenders, server } = await enter(suite, chosen)
  const inTurns = contenders.filter(({ onlyFaults }) => onlyFaults !== true)

  for (const contender of contenders) {
    log(`warming up ${contender.name}`)
    await expiry(contender, server, { ...suite.warmUp, answerMs: 0 })
  }
  const lone = new Map()
  for (const contender of inTurns) lone.set(contender.name, await loneRefresh(contender, server, suite))

  const results = []
  for (const { title, cases } of suite.groups) {
    for (const entry of cases) {
      const one = { path: PATH, answerMs: suite.answerMs, lifetimeSeconds: lifetimeSeconds(entry), ...entry }
      const samples = new Map(inTurns.map(({ name }) => [name, []]))
      for (let round = 1; round <= (one.rounds ?? rounds); round += 1) {
        const order = inTurns.map((_, index) => inTurns[(index + round) % inTurns.length])
        // So that most of the waiting for one's tokens to expire is the others' turn.
        for (const contender of order) await prepare(contender, server, one)
        for (const contender of order) {
          const sample = await turn(contender, server, one)
          samples.get(contender.name).push(sample)
          log(`${title}, ${one.sessions} sessions, ${one.processes} processes, ${contender.name}: ${brief(sample)}`)
        }
      }
      results.push({ group: title, one, samples })
    }
  }
  const faults = []
  for (const entry of suite.faults) {
    const one = { path: PATH, answerMs: suite.answerMs, lifetimeSeconds: lifetimeSeconds(entry), ...entry }
    // Nearly all of it is waiting, so all at the same time.
    const chosenOnes = contenders.filter(({ name }) => name !== one.without)
    const samples = await Promise.all(chosenOnes.map((contender) => turnWithFault(contender, server, one)))
    for (const [at, { name }] of chosenOnes.entries()) {
      log(`killed when ${one.killedAt}, ${one.sessions} sessions, ${name}: ${brief(samples[at])}`)
    }
    faults.push({ one, samples: new Map(chosenOnes.map(({ name }, at) => [name, samples[at]])) })
  }
  await stopAll()
  return { results, faults, lone }
}

/** Longer than a burst and the one after it. */
function lifetimeSeconds({ requests }) {
  return requests > 500 ? 8 : 3
}

function brief({ presented, alarms, failures, lost, p99 }) {
  return `${presented} refreshes, ${alarms} alarms, ${failures.length} failed, ${lost.length} lost, p99 ${p99.toFixed(0)} ms`
}

async function enter(suite, chosen) {
  const redisPort = await freePort()
  const redis = ['redis-server', '--bind', '127.0.0.1', '--port', String(redisPort), '--save', '', '--appendonly', 'no']
  await start(redis, { port: redisPort, core: 'others' })
  const contenders = []
  for (const entry of chosen) {
    const ports = []
    for (let n = 0; n < suite.processes; n += 1) ports.push(await freePort())
    const origins = ports.map((port) => `http://127.0.0.1:${port}`)
    contenders.push({ ...entry, ports, origins, clientId: `client-${contenders.length + 1}` })
  }
  const clients = contenders.map(({ clientId, origins: [first] }) => [clientId, [`${first}/callback`]])
  const server = await StrictServer.start(Object.fromEntries(clients))
  for (const contender of contenders) {
    const { file, refresh, origins, ports, clientId } = contender
    const client = { ...CLIENT, clientId }
    contender.start = async (port) => {
      const given = { port, baseUrl: origins[0], issuer: server.issuer, client, redisPort, refresh }
      const command = [process.execPath, '--import', './herd/killable.js', file]
      return start(command, { port, core: 'contender', env: { BENCH: JSON.stringify(given) }, talks: true })
    }
    contender.children = await Promise.all(ports.map(contender.start))
    contender.sessions = new Sessions(contender, server)
  }
  return { contenders, server }
}

/** What one refresh takes with nothing else going on. */
async function loneRefresh(contender, server, { answerMs }) {
  const dispatcher = openConnections()
  const origins = contender.origins.slice(0, 1)
  const sessions = await prepare(contender, server, {
    requests: LONE_REFRESHES,
    sessions: LONE_REFRESHES,
    lifetimeSeconds: 3,
  })
  await contender.sessions.expired(sessions)
  await warmUp(dispatcher, origins, 1)
  await server.set(contender.clientId, { answerMs })
  const ms = []
  for (const session of sessions) {
    const [answer] = await burst(dispatcher, { origins, sessions: [session], count: 1, path: PATH })
    if (answer.failure !== undefined) throw new Error(`${contender.name}: a lone refresh fails: ${answer.failure}`)
    ms.push(answer.ms)
  }
  await dispatcher.close()
  return median(ms)
}

/** On a machine too slow for that, tokens that were just refreshed expire again; then once more, with longer ones. */
async function turn(contender, server, one) {
  const sample = await expiry(contender, server, one)
  const { lifetimeSeconds: seconds } = one
  const isInTime = sample.endedAt - sample.begunAt < seconds * 800
  if (isInTime || sample.lost.length > 0 || seconds >= MAX_LIFETIME_SECONDS) return sample
  return turn(contender, server, { ...one, lifetimeSeconds: seconds * 2 })
}

/** One expiry: the herd, a look at each session, and a herd of the same size with fresh tokens. */
async function expiry(contender, server, one) {
  const { requests: count, path, processes, spreadMs, answerMs } = one
  const { clientId } = contender
  const dispatcher = openConnections()
  const origins = contender.origins.slice(0, processes)
  const sessions = await prepare(contender, server, one)
  await contender.sessions.expired(sessions)
  await warmUp(dispatcher, origins, count)

  await server.set(clientId, { answerMs })
  const begunAt = Date.now()
  const load = { origins, sessions, count, path, spreadMs }
  const before = await stateOf(server, sessions)
  const answers = await checked(server, await burst(dispatcher, load))
  await server.set(clientId, { answerMs: 0 })
  const outcome = await settle(contender, server, dispatcher, { before, answers, sessions, origins })
  const endedAt = Date.now()

  // With sessions lost there is nothing to compare with.
  let fresh
  if (outcome.lost.length === 0) {
    const { presented } = await stateOf(server, sessions)
    const others = await checked(server, await burst(dispatcher, load))
    const isFresh = (await stateOf(server, sessions)).presented === presented
    if (isFresh && others.every(({ failure }) => failure === undefined)) fresh = times(others)
  }
  await dispatcher.close()
  return { ...outcome, fresh, begunAt, endedAt }
}

/** One expiry in which the process that refreshes is killed. */
async function turnWithFault(contender, server, one) {
  const { requests: count, path, processes, killedAt, answerMs } = one
  const { clientId, children, ports } = contender
  const dispatcher = openConnections()
  const origins = contender.origins.slice(0, processes)
  const sessions = await prepare(contender, server, one)
  await contender.sessions.expired(sessions)
  await warmUp(dispatcher, origins, count)

  const before = await stateOf(server, sessions)
  // Tokens live long from here on: what is measured is one expiry.
  await server.set(clientId, { answerMs, lifetimeSeconds: 600, dropsAbandoned: killedAt === 'sent' })
  const killing = killHolder(contender, server, killedAt)
  const load = { origins, sessions, count, path, repeats: true }
  const answers = await checked(server, await burst(dispatcher, load))
  const killed = await Promise.race([killing, sleep(1_000)])
  if (killed === undefined)
    throw new Error(`${contender.name}: nobody was killed when "${killedAt}"; the bench is out of order`)
  await server.set(clientId, { answerMs: 0, dropsAbandoned: false })
  const outcome = await settle(contender, server, dispatcher, { before, answers, sessions, origins, repeats: true })

  const at = children.findIndex(({ pid }) => pid === killed.pid)
  children[at] = await contender.start(ports[at])
  // What they have now lives too long for the next expiry.
  contender.sessions.forget(new Set(sessions))
  await dispatcher.close()
  const served = answers.filter(({ failure }) => failure === undefined)
  return {
    ...outcome,
    againMs: served.length > 0 ? Math.max(...served.map((answer) => answer.at)) - killed.at : undefined,
  }
}

/** @returns who was killed, and when. */
async function killHolder({ children, clientId }, server, killedAt) {
  const reached = new Promise((resolve) => {
    server.once(`stopped ${clientId}`, resolve)
    for (const child of children) child.once('message', resolve)
  })
  if (killedAt === 'claimed') for (const child of children) child.send({ arm: true })
  else await server.set(clientId, { stopAt: killedAt })
  const { pid } = await reached
  const holder = children.find((child) => child.pid === pid)
  if (holder === undefined) throw new Error('a refresh request does not say which process sent it')
  const ended = once(holder, 'exit')
  holder.kill('SIGKILL')
  const at = Date.now()
  server.removeAllListeners(`stopped ${clientId}`)
  for (const child of children) child.removeAllListeners('message')
  for (const child of children.filter((other) => other !== holder)) child.send({ arm: false })
  await ended
  return { pid, at }
}

async function prepare(contender, server, { requests, sessions: count, lifetimeSeconds: seconds }) {
  await server.set(contender.clientId, { answerMs: 0, lifetimeSeconds: seconds })
  return contender.sessions.take(Math.min(count, requests))
}

/** Asks once more for each session: it was lost if that does not bring a good token, or its refresh token is dead. */
async function settle(contender, server, dispatcher, { before, answers, sessions, origins, repeats }) {
  const load = { origins, sessions, count: sessions.length, path: '/token', repeats }
  const probes = await checked(server, await burst(dispatcher, load))
  const after = await stateOf(server, sessions)
  const lost = probes.flatMap(({ session, failure }, at) =>
    failure === undefined && after.families[at].revokedAt === undefined ? [] : session,
  )
  contender.sessions.forget(new Set(lost))
  const isUnheard = (session) => after.families[sessions.indexOf(session)].unheard > 0
  return {
    sessions: sessions.length,
    presented: after.presented - before.presented,
    alarms: after.alarms - before.alarms,
    unknowable: lost.filter(isUnheard),
    failures: answers.flatMap(({ failure }) => failure ?? []),
    requests: answers.length,
    putOff: answers.filter(({ putOff }) => putOff > 0).length,
    lost,
    ...times(answers),
  }
}

async function stateOf(server, sessions) {
  const families = await server.families(sessions.map(({ sub }) => sub))
  const sum = (key) => families.reduce((total, family) => total + family[key], 0)
  return { families, presented: sum('presented'), alarms: sum('alarms') }
}

/** A token that the resource server would refuse is no answer. */
async function checked(server, answers) {
  const asked = answers.map(({ token, session, sub, at }) => ({
    token,
    sub: sub === session.sub ? sub : undefined,
    at,
  }))
  const complaints = await server.check(asked)
  return answers.map((answer, at) =>
    answer.failure !== undefined || complaints[at] === null ? answer : { ...answer, failure: complaints[at] },
  )
}

function times(answers) {
  const sorted = answers.map(({ ms }) => ms).toSorted((a, b) => a - b)
  const quantile = (share) => sorted[Math.ceil(share * sorted.length) - 1]
  return { p50: quantile(0.5), p99: quantile(0.99) }
}
