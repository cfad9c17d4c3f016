import { createHash } from 'node:crypto'

/**
 * The operations of the grant store contract, each one Lua script: atomic, and by Redis's own clock. A grant is one hash:
 *
 *     v           version of this layout
 *     gen, provider, subject, storedAt, expiresAt, verified     in clear, for an operator to look at
 *     sealed      the tokens
 *     claim, claimUntil, claimDoubt     the lease
 *     intentUntil     somebody may be presenting this generation's refresh token, and an answer may come until then; 0: none will
 *     refusedUntil    the token was refused to a holder in doubt; a late answer is welcome until then
 *     backoffUntil
 *     dead        the tombstone: why. Nothing else is left then
 *
 * Every script gets the key, and in ARGV the retention and the life of a tombstone first. Times are epoch milliseconds.
 */
const PRELUDE = `
local key, retention, tombstone = KEYS[1], ARGV[1], ARGV[2]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function get(field) return redis.call('HGET', key, field) end
local function number(field) return tonumber(get(field) or '') end
local function text(value) return string.format('%.0f', value) end
local function state(kind, more)
  local f = redis.call('HMGET', key, 'v', 'gen', 'provider', 'subject', 'sealed', 'verified', 'storedAt')
  return { kind, more, f[1], f[2], f[3], f[4], f[5], f[6], f[7] }
end
local function bury(why)
  redis.call('DEL', key)
  redis.call('HSET', key, 'v', '1', 'dead', why)
  redis.call('PEXPIRE', key, tombstone)
end
local dead = get('dead')
local gone = { 'gone', dead or '' }
local isGone = dead or not get('gen')
`

const CREATE = `
redis.call('DEL', key)
redis.call('HSET', key, 'v', '1', 'gen', '1', 'provider', ARGV[3], 'subject', ARGV[4], 'sealed', ARGV[5], 'expiresAt', ARGV[6], 'verified', '1', 'storedAt', text(now))
redis.call('PEXPIRE', key, retention)
return { 'ok' }
`

const READ = `
if isGone then return gone end
return state('live', '')
`

const CLAIM = `
local claimId, generation, lease, doubt = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6]
if isGone then return gone end
if number('gen') > generation then return state('newer', '') end
local holder, claimUntil = get('claim'), number('claimUntil')
if holder == claimId then return state('claimed', get('claimDoubt')) end
if holder and claimUntil > now then return { 'busy', text(claimUntil - now) } end
local refusedUntil = number('refusedUntil')
if refusedUntil then
  if refusedUntil > now then return { 'busy', text(refusedUntil - now) } end
  bury('refused')
  return { 'gone', 'refused' }
end
local backoffUntil = number('backoffUntil')
if backoffUntil and backoffUntil > now then return { 'backoff', text(backoffUntil - now) } end
local intentUntil = number('intentUntil')
if intentUntil and doubt ~= 'at-once' then
  local expiresAt = number('expiresAt')
  if doubt == 'ride-out' and expiresAt and expiresAt > intentUntil then intentUntil = expiresAt end
  if intentUntil > now then return { 'busy', text(intentUntil - now) } end
end
local inDoubt = intentUntil and '1' or '0'
redis.call('HSET', key, 'claim', claimId, 'claimUntil', text(now + lease), 'claimDoubt', inDoubt, 'intentUntil', text(now + 2 * lease))
redis.call('PEXPIRE', key, retention)
return state('claimed', inDoubt)
`

const RELEASE = `
local claimId, unspent, backoff = ARGV[3], ARGV[4], tonumber(ARGV[5])
if isGone or get('claim') ~= claimId then return { 'ok' } end
-- An intent that stood before this claim is not its own to clear. Nobody holds an answer, so nobody waits for one.
if unspent == '1' and get('claimDoubt') == '0' then
  redis.call('HDEL', key, 'intentUntil')
else
  redis.call('HSET', key, 'intentUntil', '0')
end
redis.call('HDEL', key, 'claim', 'claimUntil', 'claimDoubt')
redis.call('HSET', key, 'backoffUntil', text(now + backoff))
return { 'ok' }
`

const COMMIT = `
local generation, sealed, expiresAt, verified = tonumber(ARGV[3]), ARGV[4], ARGV[5], ARGV[6]
if isGone then return gone end
if number('gen') ~= generation then return state('newer', '') end
redis.call('HSET', key, 'gen', text(generation + 1), 'sealed', sealed, 'expiresAt', expiresAt, 'verified', verified, 'storedAt', text(now))
redis.call('HDEL', key, 'claim', 'claimUntil', 'claimDoubt', 'intentUntil', 'refusedUntil', 'backoffUntil')
redis.call('PEXPIRE', key, retention)
return state('committed', '')
`

const SETTLE = `
local claimId, generation, lease = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
if isGone then return gone end
if number('gen') ~= generation then return state('newer', '') end
if get('claim') ~= claimId then
  local left = (number('claimUntil') or now) - now
  return { 'undecided', text(left > 0 and left or 0) }
end
if get('claimDoubt') == '1' then
  redis.call('HDEL', key, 'claim', 'claimUntil', 'claimDoubt')
  redis.call('HSET', key, 'refusedUntil', text(now + lease))
  return { 'undecided', text(lease) }
end
bury('refused')
return { 'ended' }
`

const MARK_VERIFIED = `
if not isGone and number('gen') == tonumber(ARGV[3]) then redis.call('HSET', key, 'verified', '1') end
return { 'ok' }
`

const END = `
if isGone then return gone end
local last = state('ended', '')
bury(ARGV[3])
return last
`

export interface Script {
  readonly lua: string
  readonly sha: string
}

function script(body: string): Script {
  const lua = PRELUDE + body
  return { lua, sha: createHash('sha1').update(lua).digest('hex') }
}

export type ScriptName = 'create' | 'read' | 'claim' | 'release' | 'commit' | 'settle' | 'markVerified' | 'end'

export const SCRIPTS: Readonly<Record<ScriptName, Script>> = {
  create: script(CREATE),
  read: script(READ),
  claim: script(CLAIM),
  release: script(RELEASE),
  commit: script(COMMIT),
  settle: script(SETTLE),
  markVerified: script(MARK_VERIFIED),
  end: script(END),
}
