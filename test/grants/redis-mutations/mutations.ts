import type { Edit } from '../mutations/mutations.ts'

/** A production store with one rule taken out; names in capitals are the switches of the model. */
export interface StoreMutation {
  readonly name: string
  readonly edits: readonly Edit[]
}

const SCRIPTS = 'lib/grants/redis-scripts.ts'
const PRELUDE = 'lib/grants/redis-prelude.ts'
const INDEX = 'lib/grants/redis-index.ts'
const STORE = 'lib/grants/redis-grant-store.ts'

type Row = readonly [name: string, ...edits: readonly [file: string, find: string, replace: string][]]

const ROWS: Readonly<Record<string, readonly Row[]>> = {
  claim: [
    ['L1: the lease keeps nobody out', [SCRIPTS, 'if record.claim and claimUntil > now then', 'if false then']],
    ['NO_INTENT: a claim leaves no intent', [SCRIPTS, ", 'intentUntil', text(now + 2 * lease))\nextend", ')\nextend']],
    [
      'the intent lasts for one lease',
      [SCRIPTS, "'intentUntil', text(now + 2 * lease))\nextend", "'intentUntil', text(now + lease))\nextend"],
    ],
    [
      'LEASE_END_CLEARS_INTENT',
      [SCRIPTS, 'if refusedUntil then\n', 'if record.claim then intentUntil = nil end\nif refusedUntil then\n'],
    ],
    [
      'an intent that is over is no doubt',
      [
        SCRIPTS,
        "local inDoubt = intentUntil and '1' or '0'",
        "local inDoubt = intentUntil and intentUntil > now and '1' or '0'",
      ],
    ],
    [
      'NO_DOUBT_WAIT: nobody waits for the answer of a silent holder',
      [SCRIPTS, "if intentUntil and doubt == 'wait' then", 'if false then'],
    ],
    [
      'a silent holder is waited for where tokens can be used again',
      [SCRIPTS, "if intentUntil and doubt == 'wait' then", 'if intentUntil then'],
    ],
    [
      'NO_RIDE_OUT: a good access token is not waited for',
      [SCRIPTS, 'math.max(intentUntil - now, rideOut)', 'intentUntil - now'],
    ],
    ['only the good access token is waited for', [SCRIPTS, 'math.max(intentUntil - now, rideOut)', 'rideOut']],
    [
      'the claimant is told that there is no doubt',
      [SCRIPTS, "return state('claimed', inDoubt)", "return state('claimed', '0')"],
    ],
    ['the record is told that there is no doubt', [SCRIPTS, "'claimDoubt', inDoubt,", "'claimDoubt', '0',"]],
    [
      'a claim for an older generation is granted',
      [SCRIPTS, "if number('gen') > generation then return state('newer', '') end", ''],
    ],
    [
      'a claim that is asked for again is refused',
      [SCRIPTS, "if record.claim == claimId then return state('claimed', record.claimDoubt) end", ''],
    ],
    [
      'the pause is not kept',
      [SCRIPTS, "if backoffUntil and backoffUntil > now then return { 'backoff', text(backoffUntil - now) } end", ''],
    ],
    ['a claim ignores a refusal', [SCRIPTS, 'if refusedUntil then\n', 'if false then\n']],
    [
      'a claim ends a refused grant at once',
      [SCRIPTS, "if refusedUntil > now then return { 'busy', text(refusedUntil - now) } end", ''],
    ],
    [
      'NO_TOMBSTONE: of a refused grant that a claim ends',
      [SCRIPTS, "  bury('refused')\n  return", "  redis.call('DEL', key)\n  return"],
    ],
    [
      'a claim does not prolong the record',
      [SCRIPTS, "extend(number('indexedUntil'))\nreturn state('claimed', inDoubt)", "return state('claimed', inDoubt)"],
    ],
  ],
  release: [
    [
      'RELEASE_ANY_OWNER: the claim of another is released',
      [SCRIPTS, "if record.claim ~= claimId then return { 'ok' } end", ''],
    ],
    [
      'RELEASE_CLEARS_ALL: an earlier intent goes with its own',
      [SCRIPTS, "if unspent == '1' and record.claimDoubt == '0' then", "if unspent == '1' then"],
    ],
    [
      'the intent of a token that may be spent is cleared',
      [SCRIPTS, "if unspent == '1' and record.claimDoubt == '0' then", "if record.claimDoubt == '0' then"],
    ],
    [
      'the intent of a token that was not sent is kept',
      [SCRIPTS, "if unspent == '1' and record.claimDoubt == '0' then", 'if false then'],
    ],
    ['an answer is waited for that nobody can get', [SCRIPTS, "redis.call('HSET', key, 'intentUntil', '0')", '']],
    ['the claim stays', [SCRIPTS, '${CLEAR_CLAIM}\n-- An intent', '-- An intent']],
    ['no pause is stored', [SCRIPTS, "redis.call('HSET', key, 'backoffUntil', text(now + backoff))", '']],
    ['failures are not counted', [SCRIPTS, "if failed == '1' then redis.call('HINCRBY', key, 'failures', 1) end", '']],
    [
      'every release counts as a failure',
      [
        SCRIPTS,
        "if failed == '1' then redis.call('HINCRBY', key, 'failures', 1) end",
        "redis.call('HINCRBY', key, 'failures', 1)",
      ],
    ],
  ],
  commit: [
    [
      'COMMIT_BY_LEASE: no lease, no commit',
      [
        SCRIPTS,
        "if number('gen') ~= generation then return state('newer', '', record.session) end",
        "if number('gen') ~= generation then return state('newer', '', record.session) end\nif not record.claim or number('claimUntil') <= now then return state('newer', '') end",
      ],
    ],
    [
      'LAST_WRITE_WINS',
      [SCRIPTS, "if number('gen') ~= generation then return state('newer', '', record.session) end", ''],
    ],
    [
      'COMMIT_CREATES: a grant that is not there',
      [
        SCRIPTS,
        "if number('gen') ~= generation then return state('newer', '', record.session) end",
        "if not record.gen then\n  record.provider = 'main'\n  redis.call('HSET', key, 'v', '1', 'provider', 'main')\nelseif number('gen') ~= generation then\n  return state('newer', '', record.session)\nend",
      ],
      [SCRIPTS, 'commit: guarded(COMMIT)', 'commit: script(PRELUDE + COMMIT)'],
    ],
    [
      'the claim stays after a commit',
      [
        SCRIPTS,
        "${CLEAR_CLAIM}\nredis.call('HDEL', key, 'intentUntil', 'refusedUntil'",
        "redis.call('HDEL', key, 'intentUntil', 'refusedUntil'",
      ],
    ],
    [
      'the intent stays after a commit',
      [
        SCRIPTS,
        "redis.call('HDEL', key, 'intentUntil', 'refusedUntil', 'backoffUntil', 'failures', 'expiresAt')",
        "redis.call('HDEL', key, 'refusedUntil', 'backoffUntil', 'failures', 'expiresAt')",
      ],
    ],
    [
      'the refusal stays after a commit',
      [
        SCRIPTS,
        "redis.call('HDEL', key, 'intentUntil', 'refusedUntil', 'backoffUntil', 'failures', 'expiresAt')",
        "redis.call('HDEL', key, 'intentUntil', 'backoffUntil', 'failures', 'expiresAt')",
      ],
    ],
    [
      'the pause stays after a commit',
      [
        SCRIPTS,
        "redis.call('HDEL', key, 'intentUntil', 'refusedUntil', 'backoffUntil', 'failures', 'expiresAt')",
        "redis.call('HDEL', key, 'intentUntil', 'refusedUntil', 'failures', 'expiresAt')",
      ],
    ],
    [
      'the count of failures stays after a commit',
      [
        SCRIPTS,
        "redis.call('HDEL', key, 'intentUntil', 'refusedUntil', 'backoffUntil', 'failures', 'expiresAt')",
        "redis.call('HDEL', key, 'intentUntil', 'refusedUntil', 'backoffUntil', 'expiresAt')",
      ],
    ],
    [
      'the expiry that an operator sees stays after a commit',
      [
        SCRIPTS,
        "redis.call('HDEL', key, 'intentUntil', 'refusedUntil', 'backoffUntil', 'failures', 'expiresAt')",
        "redis.call('HDEL', key, 'intentUntil', 'refusedUntil', 'backoffUntil', 'failures')",
      ],
    ],
    [
      'SERVE_UNVERIFIED: whatever is stored counts as checked',
      [SCRIPTS, "'sealed', sealed, 'verified', verified, 'storedAt'", "'sealed', sealed, 'verified', '1', 'storedAt'"],
    ],
    [
      'the time of the refresh is not stored',
      [SCRIPTS, "'verified', verified, 'storedAt', text(now), 'clockOffset'", "'verified', verified, 'clockOffset'"],
    ],
    [
      'the clock of the writer is ignored at a commit',
      [SCRIPTS, "'clockOffset', text(offset))", "'clockOffset', '0')"],
    ],
    [
      'the clock is measured on the way of the commit alone',
      [SCRIPTS, 'if record.claimBy == writer then offset', 'if false then offset'],
    ],
    [
      'the clock of another claimant is taken for that of the writer',
      [SCRIPTS, 'if record.claimBy == writer then offset', 'if record.claimBy then offset'],
    ],
    [
      'no renewal of the index is ever due',
      [SCRIPTS, 'indexedUntil - now < 1.5 * retention and', 'indexedUntil - now < 0 and'],
    ],
    [
      'the index is renewed at every commit',
      [SCRIPTS, "indexedUntil and indexedUntil - now < 1.5 * retention and 'index'", "indexedUntil and 'index'"],
    ],
    [
      'the record outlives its entries in the indexes after a commit',
      [SCRIPTS, 'extend(indexedUntil)\nrecord.gen', 'extend(nil)\nrecord.gen'],
    ],
    ['a commit does not prolong the record', [SCRIPTS, 'extend(indexedUntil)\nrecord.gen', 'record.gen']],
  ],
  settle: [
    [
      'NO_REREAD: what was stored meanwhile is not looked at',
      [SCRIPTS, "if number('gen') ~= generation then return state('newer', '') end", ''],
    ],
    [
      'KILL_ANY_OWNER: a later claim is not looked at',
      [
        SCRIPTS,
        "if record.claim ~= claimId then return { 'undecided', text(math.max((number('claimUntil') or now) - now, 0)) } end",
        '',
      ],
    ],
    [
      'NO_EXTRA_LEASE: a refusal in doubt ends the grant',
      [SCRIPTS, "if record.claimDoubt == '1' then", 'if false then'],
    ],
    ['REFUSAL_NOT_RECORDED', [SCRIPTS, "redis.call('HSET', key, 'refusedUntil', text(now + lease))", '']],
    ['NO_TOMBSTONE: of a refused grant', [SCRIPTS, "\nbury('refused')\nreturn", "\nredis.call('DEL', key)\nreturn"]],
  ],
  'create, and what changes a grant without a claim': [
    ['TTL missing: a new record', [SCRIPTS, "redis.call('PEXPIRE', key, text(retention))", '']],
    ['TTL missing: whatever prolongs a record', [PRELUDE, "redis.call('PEXPIRE', key, text(math.max(life, 1)))", '']],
    [
      'a record outlives its entries in the indexes',
      [PRELUDE, 'if indexedUntil then life = math.min(life, indexedUntil - now) end', ''],
    ],
    ['what is made anew keeps what was there', [SCRIPTS, "if damage or record.v then redis.call('DEL', key) end", '']],
    ['clockOffset ignored at the sign-in', [SCRIPTS, "'clockOffset', text(now - writerNow) }", "'clockOffset', '0' }"]],
    [
      'an operator sees the expiry by the clock of the writer',
      [SCRIPTS, 'text(expiresAt + now - writerNow)', 'text(expiresAt)'],
    ],
    [
      'a new record is not told how long the indexes list it',
      [SCRIPTS, "if subject ~= '' or sid ~= '' then add('indexedUntil', text(now + 2 * retention)) end", ''],
    ],
    ['any generation counts as checked', [SCRIPTS, "if number('gen') == tonumber(ARGV[3]) then", 'if true then']],
    ['nothing is marked as checked', [SCRIPTS, "  redis.call('HSET', key, 'verified', '1')\n", '']],
    ['binding a session makes a grant', [SCRIPTS, 'guarded(BIND_SESSION)', 'script(PRELUDE + BIND_SESSION)']],
    [
      'the first session stays',
      [SCRIPTS, "redis.call('HSET', key, 'session', ARGV[3])", "redis.call('HSETNX', key, 'session', ARGV[3])"],
    ],
    [
      'a session is not sealed anew',
      [SCRIPTS, "if record.session == ARGV[3] then redis.call('HSET', key, 'session', ARGV[4]) end", ''],
    ],
    [
      'a session that was sealed anew replaces one that was bound meanwhile',
      [SCRIPTS, 'if record.session == ARGV[3] then', 'if true then'],
    ],
    [
      'the record is not told that its entries were renewed',
      [SCRIPTS, "redis.call('HSET', key, 'indexedUntil', text(now + 2 * retention))", ''],
    ],
  ],
  end: [
    ['no tombstone', [SCRIPTS, '\nbury(ARGV[3])\n', "\nredis.call('DEL', key)\n"]],
    ['ended again', [SCRIPTS, '\nif gone then return gone end\nbury', '\nbury']],
    ['the tombstone never goes', [PRELUDE, "redis.call('PEXPIRE', key, tombstone)", '']],
    [
      'the tombstone stays as long as a grant',
      [PRELUDE, "redis.call('PEXPIRE', key, tombstone)", "redis.call('PEXPIRE', key, text(retention))"],
    ],
    ['the tombstone keeps the tokens', [PRELUDE, "  redis.call('DEL', key)\n", '']],
    ['the tombstone does not say why', [PRELUDE, "'dead', why, 'deadAt'", "'dead', 'refused', 'deadAt'"]],
    ['a tombstone is a record like any other', [PRELUDE, '(record.dead or not record.v)', 'not record.v']],
  ],
  damage: [
    ['another version is read as this one', [PRELUDE, "elseif record.v ~= '1' then", 'elseif false then']],
    [
      'a record without a version is gone',
      [PRELUDE, "if redis.call('EXISTS', key) == 1 then damage = 'it has no version' end", ''],
    ],
    ['another kind of value is gone', [PRELUDE, "damage = 'its key holds a value of another kind'\n", '']],
    ['infinity is a number', [PRELUDE, "not string.match(record[name], '^%-?%d+$')", 'not tonumber(record[name])']],
    ['the clock of the writer may be missing', [PRELUDE, "'storedAt', 'clockOffset' }) do", "'storedAt' }) do"]],
    [
      'a lease without an end is not noticed',
      [PRELUDE, "if record.claim and not record.claimUntil then damage = 'claimUntil is missing' end", ''],
    ],
    ['damage is written to', [PRELUDE, "if damage then return { 'unreadable', damage } end", '']],
    [
      'what cannot be read cannot be ended',
      [
        SCRIPTS,
        'if gone then return gone end\nbury',
        "if damage then return { 'unreadable', damage } end\nif gone then return gone end\nbury",
      ],
    ],
    [
      'a claim that cannot be used is kept',
      [STORE, 'await this.release(id, { claimId, unspent: true, failed: false, backoffMs: 0 }).catch(() => {})', ''],
    ],
  ],
  names: [
    ['a name is not remembered', [SCRIPTS, "return redis.call('SET', KEYS[1], '1', 'PX', ARGV[1])", 'return 0']],
    ['a name is remembered for ever', [SCRIPTS, "'1', 'PX', ARGV[1])", "'1')"]],
    ['every name is remembered', [SCRIPTS, "return redis.call('EXISTS', KEYS[1])", 'return 1']],
  ],
  indexes: [
    ['a new grant is in no index', [STORE, '    await this.#index.enter(id, owner)\n', '']],
    [
      'entered after the grant is made',
      [STORE, '    await this.#index.enter(id, owner)\n', ''],
      [
        STORE,
        '      wholeMs(this.#now()),\n    ])',
        '      wholeMs(this.#now()),\n    ])\n    await this.#index.enter(id, owner)',
      ],
    ],
    [
      'an entry that is renewed becomes the last',
      [INDEX, "if not redis.call('ZSCORE', order, id) then", 'if true then'],
    ],
    [
      'a clock that was set back changes the order',
      [INDEX, "math.max(micros, (tonumber(last or '') or 0) + 1)", 'micros'],
    ],
    ['an entry without an end', [INDEX, "redis.call('ZADD', ends, text(now + keep), id)", '']],
    ['what has ended is not forgotten', [INDEX, 'if #forgotten > 0 then', 'if false then']],
    [
      'an index never expires',
      [INDEX, "if redis.call('PTTL', key) < keep then redis.call('PEXPIRE', key, text(keep)) end", ''],
    ],
    [
      'an index is kept no longer than a grant',
      [INDEX, '2 * settings.retentionMs + settings.tombstoneMs', 'settings.retentionMs'],
    ],
    [
      'an index expires with the entry that came last',
      [INDEX, "if redis.call('PTTL', key) < keep then redis.call", 'if true then redis.call'],
    ],
    ['an ended grant stays in its indexes', [INDEX, "redis.call('ZREM', KEYS[1], ARGV[1])", '']],
    ['end-users of all providers are one', [INDEX, 'JSON.stringify([provider, value])', 'JSON.stringify([value])']],
    [
      'a session at the provider is a subject',
      [INDEX, "this.#keys('sid', provider, sid)", "this.#keys('subject', provider, sid)"],
    ],
  ],
}

export const STORE_MUTATIONS: readonly StoreMutation[] = Object.entries(ROWS).flatMap(([part, rows]) =>
  rows.map(([name, ...edits]) => ({
    name: `${part}: ${name}`,
    edits: edits.map(([file, find, replace]) => ({ file, find, replace })),
  })),
)
