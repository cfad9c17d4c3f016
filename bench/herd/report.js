import { opening } from '../support/report.js'
import { median, rounded } from '../support/statistics.js'
import { table } from '../support/table.js'
import { targetsTable } from '../support/targets.js'

/** A herd must not make anybody wait longer than this beyond one refresh (milliseconds). */
const ALLOWED_MS = 75
const AIMED_AT_MS = 10

/** One run, as Markdown. */
export function describeHerd(suite, run, { results, faults, lone }) {
  const measured = suite.groups.filter(({ cases }) => cases.length > 0)
  const groups = measured.map(({ title }) => {
    const rows = results.filter(({ group }) => group === title).flatMap((result) => casesRows(result))
    const head = [
      'requests',
      'sessions',
      'processes',
      '',
      'refreshes / expiring session',
      'reuse alarms',
      'failed requests',
      'sessions lost',
    ]
    return `### Herd: ${title}\n\n${table([...head, 'p50 ms', 'p99 ms', 'p99 with fresh tokens', 'adds to p99, ms'], rows)}`
  })
  return [
    opening(suite, run),
    targetsTable(run.targets),
    '',
    `A refresh with nothing else going on takes, of the server's ${suite.answerMs} ms and all else: ${loneWords(lone)}.`,
    `${verdict(results, lone)}\n`,
    groups.join('\n\n'),
    `\n### Herd: the process that refreshes is killed\n\n${table(FAULT_HEAD, faults.flatMap(faultRows))}`,
  ].join('\n')
}

const FAULT_HEAD = [
  'killed', 'sessions', '', 'refreshes / expiring session', 'reuse alarms', 'requests that failed for good', 'put off by 503 or moved',
  'sessions lost', 'of them nobody can know', 'all served again after s',
] // prettier-ignore

/** What the contender that the bench is for must reach, and did. */
export function judgeHerd({ results, faults, lone }) {
  const [[name, alone]] = lone
  const ofOneSession = results.filter(({ one }) => one.requests === 200 && one.sessions === 1)
  const quickServer = ofOneSession.filter(({ one }) => one.answerMs < 1_000)
  const [atOnce, spread] = [quickServer.filter(isAtOnce), quickServer.filter((result) => !isAtOnce(result))]
  // Where the server had rotated already, nobody can know what the new token is.
  const killed = faults.filter(({ one }) => one.sessions === 1 && one.killedAt !== 'decided')
  const failed = (samples) => samples.reduce((sum, { failures, lost }) => sum + failures.length + lost.length, 0)
  const of = (list) => list.flatMap(({ samples }) => samples.get(name))
  const perExpiry = (list) => {
    const { presented, sessions } = totals(of(list))
    return sessions === 0 ? undefined : presented / sessions
  }
  const over = atOnce.map(({ samples }) => medianOf(samples.get(name), adds) - alone).filter(Number.isFinite)
  return [
    { what: 'refreshes per expiry, 200 requests at once', value: perExpiry(atOnce), must: 1, aim: 1 },
    { what: 'failed requests and lost sessions, the same', value: failed(of(atOnce)), must: 0, aim: 0 },
    { what: 'refreshes per expiry, over 400 ms, also writing the session', value: perExpiry(spread), aim: 1 },
    { what: 'failed requests and lost sessions, the same', value: failed(of(spread)), aim: 0 },
    { what: 'failed requests and lost sessions, the process that refreshes killed', value: failed(killed.map(({ samples }) => samples.get(name))), aim: 0 },
    { id: 'H2', what: 'added to p99, beyond a lone refresh', value: over.length > 0 ? Math.max(...over) : undefined, unit: ' ms', must: ALLOWED_MS, aim: AIMED_AT_MS },
  ].map((target) => ({ id: 'H1', atLeast: false, ...target })) // prettier-ignore
}

function isAtOnce({ one }) {
  return one.spreadMs === undefined
}

/** The rows of the README, for who does not read on. */
export function summarise({ date, machine, node }, { results, faults, lone }) {
  const names = [...lone.keys()]
  const find = (want) => results.find(({ group, one }) => Object.entries(want).every(([key, value]) => (key === 'group' ? group.startsWith(value) : one[key] === value))) // prettier-ignore
  const lines = [
    ['200 requests at once, 1 session, 1 process', find({ group: '200', sessions: 1, processes: 1 })],
    ['the same, 4 processes', find({ group: '200', sessions: 1, processes: 4 })],
    ['2,000 at once, 50 sessions, 4 processes', find({ group: '2000', sessions: 50, processes: 4 })],
    ['2,000 at once, 500 sessions, 4 processes', find({ group: '2000', sessions: 500, processes: 4 })],
    ['200 over 400 ms, handlers write the session', find({ path: '/write', sessions: 1, processes: 4 })],
    ['200 at once, a server that takes 3 s', find({ answerMs: 3_000 })],
    ...faults
      .filter(({ one }) => one.sessions === 1)
      .map(({ one, samples }) => [
        `200 at once, the refreshing process is killed ${one.words}`,
        { samples: new Map([...samples].map(([name, sample]) => [name, [sample]])) },
      ]),
  ]
  const rows = lines
    .filter(([, result]) => result !== undefined)
    .map(([title, { samples }]) => [title, ...names.map((name) => brief(samples.get(name)))])
  const added = find({ group: '200', sessions: 1, processes: 4 })?.samples
  const times = names.map((name) => (added === undefined ? '' : milliseconds(medianOf(added.get(name), adds))))
  const loneTimes = names.map((name) => milliseconds(lone.get(name)))
  return [
    `Measured ${date} on ${machine}, Node ${node}.`,
    table(['refreshes per expiring session, failed requests, sessions lost', ...names], rows),
    table(['milliseconds', ...names], [
      ['what 200 requests at once, 1 session, 4 processes add to the p99 of the same with fresh tokens', ...times],
      ['one refresh alone', ...loneTimes],
    ]),
  ].join('\n\n') // prettier-ignore
}

function brief(samples) {
  const { presented, failed, requests, lost, sessions } = totals(samples)
  return `${perSession(presented, sessions)}, ${share(failed, requests)}, ${lost} of ${sessions}`
}

function casesRows({ one, samples }) {
  return [...samples].map(([name, list]) => {
    const { presented, sessions, alarms, failed, requests, lost } = totals(list)
    // Times of answers that were none mean nothing.
    const time = (of) => (failed > 0 ? '–' : milliseconds(medianOf(list, of)))
    return [
      one.requests,
      one.sessions,
      one.processes,
      name,
      perSession(presented, sessions),
      alarms,
      share(failed, requests),
      `${lost} of ${sessions}`,
      time(({ p50 }) => p50),
      time(({ p99 }) => p99),
      time(({ fresh }) => fresh?.p99),
      time(adds),
    ]
  })
}

function faultRows({ one, samples }) {
  return [...samples].map(([name, sample]) => {
    const { presented, sessions, alarms, failures, requests, putOff, lost, unknowable, againMs } = sample
    return [
      one.words,
      one.sessions,
      name,
      perSession(presented, sessions),
      alarms,
      share(failures.length, requests),
      putOff,
      `${lost.length} of ${sessions}`,
      unknowable.length,
      againMs === undefined ? '–' : rounded(againMs / 1000),
    ]
  })
}

/** The promise: one refresh per expiry, nothing refused, nobody signed out. Of the contender that the bench is for. */
export function demandOneRefresh({ results, lone }) {
  const [[name]] = lone
  const { presented, sessions, alarms, failed, lost } = totals(results.flatMap(({ samples }) => samples.get(name)))
  if (presented === sessions && alarms + failed + lost === 0) return
  throw new Error(
    `${name}: ${presented} refreshes for ${sessions} expiries, ${alarms} alarms, ${failed} failed, ${lost} lost`,
  )
}

/** Of the same contender, in all cases. */
function verdict(results, lone) {
  const [[name]] = lone
  const { presented, sessions, alarms, failed, lost } = totals(results.flatMap(({ samples }) => samples.get(name)))
  return `${name}, all cases: ${presented} refresh requests for ${sessions} expiries (must be equal), ${alarms} reuse alarms, ${failed} failed requests, ${lost} sessions lost (must be 0).`
}

function totals(samples) {
  const sum = (of) => samples.reduce((total, sample) => total + of(sample), 0)
  return {
    presented: sum(({ presented }) => presented),
    sessions: sum(({ sessions }) => sessions),
    alarms: sum(({ alarms }) => alarms),
    failed: sum(({ failures }) => failures.length),
    requests: sum(({ requests }) => requests),
    lost: sum(({ lost }) => lost.length),
  }
}

function adds({ p99, fresh }) {
  return fresh === undefined ? undefined : p99 - fresh.p99
}

function medianOf(samples, of) {
  const values = samples.map(of).filter((value) => value !== undefined)
  return values.length === 0 ? undefined : median(values)
}

function loneWords(lone) {
  return [...lone].map(([name, ms]) => `${milliseconds(ms)} ms at ${name}`).join('; ')
}

function milliseconds(value) {
  return value === undefined || !Number.isFinite(value) ? '–' : value.toFixed(0)
}

/** Where it should be one, to three places. */
function perSession(presented, sessions) {
  const value = presented / sessions
  return value < 10 ? value.toFixed(3) : rounded(value)
}

function share(failed, requests) {
  return failed === 0 ? '0' : `${((100 * failed) / requests).toFixed(failed === requests ? 0 : 1)} %`
}
