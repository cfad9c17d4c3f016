import { script, type Script } from './redis-client.ts'
import { GUARD, PRELUDE } from './redis-prelude.ts'

/** The operations of the grant store contract, each one Lua script: atomic, and by Redis's own clock. See redis-prelude.ts for the record. */
const CREATE = `
local provider, subject, sid, sealed, session, expiresAt, writerNow = ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8], tonumber(ARGV[9])
if damage or record.v then redis.call('DEL', key) end
local fields = { 'v', '1', 'gen', '1', 'provider', provider, 'sealed', sealed, 'verified', '1', 'storedAt', text(now), 'clockOffset', text(now - writerNow) }
local function add(name, value)
  fields[#fields + 1] = name
  fields[#fields + 1] = value
end
if subject ~= '' then add('subject', subject) end
if sid ~= '' then add('sid', sid) end
if session ~= '' then add('session', session) end
if expiresAt ~= '' then add('expiresAt', text(expiresAt + now - writerNow)) end
if subject ~= '' or sid ~= '' then add('indexedUntil', text(now + 2 * retention)) end
redis.call('HSET', key, unpack(fields))
redis.call('PEXPIRE', key, text(retention))
return { 'ok' }
`

const READ = `
return state('live', '')
`

const INSPECT = `
return state('live', '', record.session)
`

const CLAIM = `
local claimId, generation, lease, doubt, rideOut, writer, writerNow =
  ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6], tonumber(ARGV[7]), ARGV[8], tonumber(ARGV[9])
if number('gen') > generation then return state('newer', '') end
if record.claim == claimId then return state('claimed', record.claimDoubt) end
local claimUntil, refusedUntil, backoffUntil, intentUntil =
  number('claimUntil'), number('refusedUntil'), number('backoffUntil'), number('intentUntil')
if record.claim and claimUntil > now then return { 'busy', text(claimUntil - now) } end
if refusedUntil then
  if refusedUntil > now then return { 'busy', text(refusedUntil - now) } end
  bury('refused')
  return state('ended', '')
end
if backoffUntil and backoffUntil > now then return { 'backoff', text(backoffUntil - now) } end
if intentUntil and doubt == 'wait' then
  local wait = math.max(intentUntil - now, rideOut)
  if wait > 0 then return { 'busy', text(wait) } end
end
local inDoubt = intentUntil and '1' or '0'
redis.call('HSET', key, 'claim', claimId, 'claimUntil', text(now + lease), 'claimDoubt', inDoubt,
  'claimBy', writer, 'claimClock', text(now - writerNow), 'intentUntil', text(now + 2 * lease))
extend(number('indexedUntil'))
return state('claimed', inDoubt)
`

const CLEAR_CLAIM = `
redis.call('HDEL', key, 'claim', 'claimUntil', 'claimDoubt', 'claimBy', 'claimClock')
`

const RELEASE = `
local claimId, unspent, failed, backoff = ARGV[3], ARGV[4], ARGV[5], tonumber(ARGV[6])
if record.claim ~= claimId then return { 'ok' } end
${CLEAR_CLAIM}
-- An intent that stood before this claim is not its own to clear. Nobody holds an answer, so nobody waits for one.
if unspent == '1' and record.claimDoubt == '0' then
  redis.call('HDEL', key, 'intentUntil')
else
  redis.call('HSET', key, 'intentUntil', '0')
end
redis.call('HSET', key, 'backoffUntil', text(now + backoff))
if failed == '1' then redis.call('HINCRBY', key, 'failures', 1) end
extend(number('indexedUntil'))
return { 'ok' }
`

// What clears comes first: a script that has begun to write is not refused for lack of memory, and these tokens may be the only ones.
const COMMIT = `
local generation, sealed, expiresAt, verified, writer, writerNow = tonumber(ARGV[3]), ARGV[4], ARGV[5], ARGV[6], ARGV[7], tonumber(ARGV[8])
if number('gen') ~= generation then return state('newer', '', record.session) end
${CLEAR_CLAIM}
redis.call('HDEL', key, 'intentUntil', 'refusedUntil', 'backoffUntil', 'failures', 'expiresAt')
-- The offset is too large by what the command has waited on its way. The same process's claim was measured on another way.
local offset = now - writerNow
if record.claimBy == writer then offset = math.min(offset, number('claimClock') or offset) end
redis.call('HSET', key, 'gen', text(generation + 1), 'sealed', sealed, 'verified', verified, 'storedAt', text(now), 'clockOffset', text(offset))
if expiresAt ~= '' then redis.call('HSET', key, 'expiresAt', text(expiresAt + offset)) end
local indexedUntil = number('indexedUntil')
extend(indexedUntil)
record.gen, record.verified, record.storedAt, record.sealed = text(generation + 1), verified, text(now), sealed
return state('committed', indexedUntil and indexedUntil - now < 1.5 * retention and 'index' or '', record.session)
`

const SETTLE = `
local claimId, generation, lease = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
if number('gen') ~= generation then return state('newer', '') end
if record.claim ~= claimId then return { 'undecided', text(math.max((number('claimUntil') or now) - now, 0)) } end
if record.claimDoubt == '1' then
  ${CLEAR_CLAIM}
  redis.call('HSET', key, 'refusedUntil', text(now + lease))
  extend(number('indexedUntil'))
  return { 'undecided', text(lease) }
end
bury('refused')
return state('ended', '')
`

const MARK_VERIFIED = `
if number('gen') == tonumber(ARGV[3]) then
  redis.call('HSET', key, 'verified', '1')
  extend(number('indexedUntil'))
end
return { 'ok' }
`

const BIND_SESSION = `
redis.call('HSET', key, 'session', ARGV[3])
extend(number('indexedUntil'))
return { 'ok' }
`

/** The same session, sealed with a newer secret; not if another one was bound meanwhile. */
const RESEAL_SESSION = `
if record.session == ARGV[3] then redis.call('HSET', key, 'session', ARGV[4]) end
return { 'ok' }
`

/** The indexes have been told that the grant lives on. */
const INDEXED = `
redis.call('HSET', key, 'indexedUntil', text(now + 2 * retention))
extend(now + 2 * retention)
return { 'ok' }
`

const END = `
if gone then return gone end
bury(ARGV[3])
if damage then return { 'unreadable', damage } end
return state('ended', '', record.session)
`

const guarded = (body: string): Script => script(PRELUDE + GUARD + body)

export type ScriptName =
  | 'create' | 'read' | 'inspect' | 'claim' | 'release' | 'commit' | 'settle' | 'markVerified' | 'bindSession' | 'resealSession' | 'indexed'
  | 'end' // prettier-ignore

export const SCRIPTS: Readonly<Record<ScriptName, Script>> = {
  create: script(PRELUDE + CREATE),
  read: guarded(READ),
  inspect: guarded(INSPECT),
  claim: guarded(CLAIM),
  release: guarded(RELEASE),
  commit: guarded(COMMIT),
  settle: guarded(SETTLE),
  markVerified: guarded(MARK_VERIFIED),
  bindSession: guarded(BIND_SESSION),
  resealSession: guarded(RESEAL_SESSION),
  indexed: guarded(INDEXED),
  end: script(PRELUDE + END),
}

/** A name that is taken for a while. */
export const NAME_SCRIPTS: Readonly<Record<'remember' | 'isRemembered', Script>> = {
  remember: script(`return redis.call('SET', KEYS[1], '1', 'PX', ARGV[1])`),
  isRemembered: script(`return redis.call('EXISTS', KEYS[1])`),
}
