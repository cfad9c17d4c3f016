const LATCHKEY = 'latchkey'
const OPENID_CONNECT = 'express-openid-connect, its documented refresh'
const RECIPE = 'express-session + openid-client, refresh in the request'
const LOCK = 'the same with a lock in Redis (lease 2 s)'

const ONE_SESSION = 1
const SIZES = [200, 2_000]
const SESSIONS = [ONE_SESSION, 50, 500]
const PROCESSES = [1, 2, 4]

/** Many requests that find the access token expired, at a server where a refresh token is good once. */
export const suite = {
  name: 'herd',
  title: 'Herd',
  packages: ['express', 'express-session', 'connect-redis', 'ioredis', 'openid-client', 'express-openid-connect'],
  processes: Math.max(...PROCESSES),
  contenders: [
    { name: LATCHKEY, file: 'herd/latchkey.js' },
    { name: OPENID_CONNECT, file: 'herd/express-openid-connect.js' },
    { name: RECIPE, file: 'herd/express-session.js' },
    { name: LOCK, file: 'herd/lock.js' },
    {
      name: `${LATCHKEY}, lease 2.5 s`,
      file: 'herd/latchkey.js',
      refresh: { deadlineMs: 2_000, leaseMs: 2_500 },
      onlyFaults: true,
    },
  ],
  /** How long the server takes to answer a refresh. */
  answerMs: 50,
  warmUp: { requests: 1_000, sessions: 50, processes: 4, lifetimeSeconds: 8, path: '/token' },
  groups: [
    ...SIZES.map((requests) => ({
      title: `${requests} requests at once`,
      cases: SESSIONS.flatMap((sessions) =>
        PROCESSES.map((processes) => ({ requests, sessions, processes, ...onceIfMany(requests) })),
      ),
    })),
    ...['/token', '/write'].map((path) => ({
      title: `spread over 400 ms${path === '/write' ? ', handlers write the session' : ''}`,
      cases: [
        ...PROCESSES.map((processes) => ({ requests: 200, sessions: ONE_SESSION, processes })),
        { requests: 2_000, sessions: 50, processes: 4, ...onceIfMany(2_000) },
      ].map((one) => ({ ...one, spreadMs: 400, path })),
    })),
    {
      title: 'a server that takes 3 s to answer',
      cases: [{ requests: 200, sessions: ONE_SESSION, processes: 4, answerMs: 3_000, lifetimeSeconds: 12, rounds: 1 }],
    },
  ],
  faults: [
    ['claimed', 'before its request was sent'],
    ['sent', 'when its request had arrived; the server drops it undecided'],
    ['decided', 'when the server had rotated; the answer reaches nobody'],
  ].flatMap(([killedAt, words]) =>
    [ONE_SESSION, 50].map((sessions) => ({
      requests: 200,
      sessions,
      processes: 4,
      killedAt,
      words,
      // Its 24 s of waiting are seen well enough in one.
      ...(sessions !== ONE_SESSION && { without: LATCHKEY }),
    })),
  ),
}

/** One expiry says enough about 2,000 requests. */
function onceIfMany(requests) {
  return requests > 500 ? { rounds: 1 } : {}
}
