/**
 * What every script of a grant begins with: it reads the record, and looks whether it is one. A grant is one hash:
 *
 *     v           version of this layout
 *     gen, provider, subject, sid, storedAt, expiresAt, verified     in clear, for an operator to look at
 *     sealed      the tokens
 *     session     the session, sealed
 *     clockOffset     what must be added to times in `sealed`, which are by the clock of the process that wrote them
 *     claim, claimUntil, claimDoubt     the lease; claimBy, claimClock: who took it, and the offset of its clock
 *     intentUntil     somebody may be presenting this generation's refresh token, and an answer may come until then; 0: none will
 *     refusedUntil    the token was refused to a holder in doubt; a late answer is welcome until then
 *     backoffUntil, failures
 *     indexedUntil    the indexes list the grant until then at least, and it does not outlive that
 *     dead, deadAt    the tombstone: why and when. Nothing else is left then
 *
 * Every script gets the key, and in ARGV the retention and the life of a tombstone first. Times are epoch milliseconds. Only
 * commands of Redis 6.2.
 */
export const PRELUDE = `
local key, retention, tombstone = KEYS[1], tonumber(ARGV[1]), ARGV[2]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function text(value) return string.format('%.0f', value) end

local names = {
  'v', 'dead', 'gen', 'provider', 'subject', 'sid', 'sealed', 'session', 'verified', 'storedAt', 'clockOffset', 'failures',
  'claim', 'claimUntil', 'claimDoubt', 'claimBy', 'claimClock', 'intentUntil', 'refusedUntil', 'backoffUntil', 'indexedUntil'
}
local numeric = { 'gen', 'storedAt', 'clockOffset', 'failures', 'claimUntil', 'claimClock', 'intentUntil', 'refusedUntil', 'backoffUntil', 'indexedUntil' }
local record, damage = {}, nil
local found = redis.pcall('HMGET', key, unpack(names))
if found.err then
  if not string.find(found.err, 'WRONGTYPE', 1, true) then return found end
  damage = 'its key holds a value of another kind'
else
  for i, name in ipairs(names) do record[name] = found[i] end
  if record.v == false then
    if redis.call('EXISTS', key) == 1 then damage = 'it has no version' end
  elseif record.v ~= '1' then
    damage = 'it was written by another version of this package'
  elseif not record.dead then
    for _, name in ipairs(numeric) do
      if record[name] and not string.match(record[name], '^%-?%d+$') then damage = name .. ' is no number' end
    end
    for _, name in ipairs({ 'gen', 'provider', 'sealed', 'storedAt', 'clockOffset' }) do
      if not record[name] then damage = name .. ' is missing' end
    end
    if record.claim and not record.claimUntil then damage = 'claimUntil is missing' end
  end
end

local function number(name) return record[name] and tonumber(record[name]) end
local function state(kind, more, session)
  local r = record
  return { kind, more, text(now), r.gen, r.provider, r.subject, r.sid, r.verified, r.storedAt, r.clockOffset, r.failures, r.sealed, session or false }
end
local function extend(indexedUntil)
  local life = retention
  if indexedUntil then life = math.min(life, indexedUntil - now) end
  redis.call('PEXPIRE', key, text(math.max(life, 1)))
end
local function bury(why)
  redis.call('DEL', key)
  redis.call('HSET', key, 'v', '1', 'dead', why, 'deadAt', text(now))
  redis.call('PEXPIRE', key, tombstone)
end
local gone = not damage and (record.dead or not record.v) and { 'gone', record.dead or '' }
`

/** Refused before anything is written; `end` alone does its work whatever it finds. */
export const GUARD = `
if damage then return { 'unreadable', damage } end
if gone then return gone end
`
