import { writeFileSync } from 'node:fs'
import { rounded } from '../support/statistics.js'
import { table } from '../support/table.js'
import { machine, versions } from '../support/versions.js'
import { INPUTS, plan } from './plan.js'

const CAPACITY = new URL('../CAPACITY.md', import.meta.url)
const PACKAGES = ['express-session', 'connect-redis', 'ioredis']
const SIZES = [
  ['10 thousand', 10_000],
  ['1 million', 1_000_000],
  ['100 million', 100_000_000],
]

/** A grant lives so long after its last refresh, unless `redisGrants` is told otherwise. */
const RETENTION_SECONDS = 30 * 24 * 3_600

export function describeCapacity(measured) {
  const { costs, records, tombstone, usedPerSignIn, signIns, repetitions, cache } = measured
  const perSignIn = [...records.values()].reduce((sum, kind) => sum + (kind.count / signIns) * kind.bytes, 0)
  const overhead = usedPerSignIn / perSignIn
  const sized = { costs, records, tombstone, overhead }
  const retentions = [['30 days, the default', RETENTION_SECONDS], ['as long as the session', INPUTS.sessionHours * 3_600]] // prettier-ignore
  const requests = [['', costs.token], ...(costs.cached === undefined ? [] : [['local cache, every request a hit', costs.cached]])] // prettier-ignore
  const plans = retentions.flatMap(([retention, retentionSeconds]) =>
    requests.flatMap(([how, request]) =>
      SIZES.map(([size, sessions]) => {
        const needed = plan(sized, { sessions, request, retentionSeconds })
        return [
          size,
          [`retention ${retention}`, how].filter(Boolean).join('; '),
          bytes(needed.memory),
          count(needed.requests),
          count(needed.refreshes),
          count(needed.roundTrips),
          `${bytes(needed.bytes)}/s`,
          rounded(needed.cores),
          `${needed.shards} (${needed.decisive})`,
        ]
      }),
    ),
  )

  return `# What it costs Redis

Written by \`npm run capacity\` in this folder. ${new Date().toISOString().slice(0, 10)}, ${machine()}.
${versions({ packages: PACKAGES, contenders: [] })}

<!-- prettier-ignore-start -->

## Measured, per request

Each ${repetitions} times, counted by Redis itself (\`MONITOR\`, \`INFO\`). Sessions in \`connect-redis\`, grants in \`redisGrants\`, all with their defaults.
*Commands inside* are those that the scripts run; they are no round trips.

${table(['', 'round trips', 'which', 'commands inside', 'bytes to Redis', 'bytes from Redis', 'CPU µs of Redis'], costRows(costs, cache))}

The CPU is that of commands which come one by one, system calls included: an upper bound. A loaded Redis reads and answers several at a time.

On the fast path, a token that is good, a request costs ${extra(costs.token, costs.reading)} round trip beyond what reading the session costs anyway (at most 1 is promised), a guarded
request ${extra(costs.guarded, costs.reading)}${costs.cached === undefined ? `. There is no local cache in this version (\`refresh.${cache.option}\`)` : `, and with the local cache ${extra(costs.cached, costs.reading)}`}. The run fails if that is not so.

## Measured, per session

${signIns.toLocaleString('en')} sign-ins through the application. \`MEMORY USAGE\` of each kind of record, mean:

${table(['record', 'per sign-in', 'bytes', 'lives, s'], recordRows(measured))}

Together ${perSignIn.toFixed(0)} bytes per sign-in; \`used_memory\` grew by ${usedPerSignIn.toFixed(0)}, ${overhead.toFixed(2)} times that, which the plan below reckons with. The
size of a record is mostly that of its tokens: opaque ones of 43 characters and an ID Token of about 600 here. A JWT of 1,500 characters as
access token adds 2,000 bytes (sealed and in base64).

## Plan

S sessions signed in. Inputs, to be replaced by one's own:

${table(['', 'here', ''], INPUT_ROWS)}

    requests/s    R = S · a / 60 · p
    refreshes/s   F = S · min(1 / T, a / 60 · p)          a session refreshes once per token's life, and only when it is used
    sign-ins/s    I = S · p / D                           sign-outs/s  O = I · o
    round trips/s     R · request + F · refresh + I · sign-in + O · sign-out; bytes and CPU alike, each with its column above
    memory        ${overhead.toFixed(2)} · (S · (grant + session) + S / D · (left session · its life + (1 − o) · grant · retention + o · tombstone · its life))
    shards        the largest of memory / m, CPU / c, bytes per second / n; each a master with its replicas

Who does not sign out leaves a grant behind, which Redis forgets after the retention (\`redisGrants(redis, { retentionMs })\`): where sessions are short, it is the
retention that fills the memory. It should be as long as the session, and longer than the pauses between two refreshes. The indexes are not
in the plan: how many there are depends on how many sign-ins share a subject, and on whether the provider names its sessions.

${table(['sessions', '', 'memory', 'requests/s', 'refreshes/s', 'round trips/s', 'network', 'CPU, cores', 'shards (decided by)'], plans)}

<!-- prettier-ignore-end -->
`
}

export function writeCapacity(text) {
  writeFileSync(CAPACITY, text)
}

const INPUT_ROWS = [
  ['a', INPUTS.requestsPerMinute, 'requests per session and minute, on average'],
  ['p', INPUTS.peak, 'the busiest hour over the average'],
  ['T', `${INPUTS.tokenLifetimeSeconds} s`, 'life of an access token'],
  ['D', `${INPUTS.sessionHours} h`, 'from one sign-in of a user to the next'],
  ['o', INPUTS.signOutShare, 'share of the sessions that end with a sign-out'],
  ['m', `${INPUTS.shardGiB} GiB`, 'data of one shard'],
  ['c', INPUTS.shardBusy, "share of a shard's core that may be busy; a core of this machine"],
  ['n', `${INPUTS.shardMegabytesPerSecond} MB/s`, 'network of one shard'],
]

const NAMES = {
  reading: 'express-session + connect-redis, reading the session',
  guarded: 'guarded request',
  token: 'request that gets the token (fast path)',
  proxied: 'proxied request (fast path)',
  refresh: 'a refresh, beyond that',
  signIn: 'sign-in, both its requests',
  signOut: 'sign-out',
}

function costRows(costs, { option, value }) {
  const names = { ...NAMES, cached: `the same with \`refresh.${option}: ${value}\`` }
  const order = ['reading', 'guarded', 'token', 'cached', 'proxied', 'refresh', 'signIn', 'signOut']
  return order
    .filter((key) => costs[key] !== undefined)
    .map((key) => {
      const { roundTrips, names: commands, inside, bytesIn, bytesOut, cpuMicroseconds } = costs[key]
      const which = commands.map(({ name, times }) => (times === 1 ? name : `${rounded(times)} ${name}`)).join(', ')
      return [names[key], rounded(roundTrips), ['refresh', 'cached'].includes(key) ? '' : which, rounded(inside), bytesIn.toFixed(0), bytesOut.toFixed(0), cpuMicroseconds.toFixed(0)] // prettier-ignore
    })
}

function recordRows({ records, tombstone, signIns }) {
  const words = {
    grant: 'grant: tokens sealed, the rest in clear',
    session: 'session, with the account',
    index: 'index: the grants of one subject, of one sid',
    'left session': 'the session that was left at the sign-in, for a minute',
  }
  const rows = [...records].map(([kind, { count: times, bytes: size, ttlSeconds }]) => [
    words[kind] ?? kind,
    rounded(times / signIns),
    size.toFixed(0),
    ttlSeconds.toFixed(0),
  ])
  return [...rows, ['tombstone, after a sign-out', '', tombstone.bytes.toFixed(0), tombstone.ttlSeconds.toFixed(0)]]
}

function extra(cost, base) {
  return rounded(Math.max(0, cost.roundTrips - base.roundTrips))
}

function bytes(value) {
  const units = ['B', 'KB', 'MB', 'GB', 'TB']
  const at = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(value) / 3)))
  return `${rounded(value / 1000 ** at)} ${units[at]}`
}

function count(value) {
  return value >= 100 ? Math.round(value).toLocaleString('en') : rounded(value)
}
