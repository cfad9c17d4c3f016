import { setTimeout as sleep } from 'node:timers/promises'
import { Agent, request } from 'undici'

/** How long a client repeats what was answered with `Retry-After`, or moves on from a process that died. */
const CLIENT_PATIENCE_MS = 60_000

/** A browser's, or a balancer's, open connections to all processes of a contender. */
export function openConnections() {
  return new Agent({ pipelining: 1, keepAliveTimeout: 600_000, keepAliveMaxTimeout: 600_000, headersTimeout: 90_000 })
}

/** Opens as many connections as a burst of `count` requests needs. */
export async function warmUp(dispatcher, origins, count) {
  const pings = Array.from({ length: count }, (_, n) => `${origins[n % origins.length]}/ping`)
  await Promise.all(pings.map(async (url) => (await request(url, { dispatcher })).body.dump()))
}

/**
 * Requests of these sessions in turns, at these processes in turns.
 *
 * @param spreadMs 0: all at once.
 * @param repeats whether clients come again after 503, and go elsewhere when their process has died.
 * @returns per request: how long it took, what was handed out or what went wrong, and how often it was put off.
 */
export async function burst(dispatcher, { origins, sessions, count, path, spreadMs = 0, repeats = false }) {
  // Not in step with the processes: each process gets requests of each session.
  const originOf = (n) => origins[(n + Math.floor(n / sessions.length)) % origins.length]
  return Promise.all(
    Array.from({ length: count }, async (_, n) => {
      if (spreadMs > 0) await sleep((spreadMs * n) / count)
      const client = { dispatcher, session: sessions[n % sessions.length], origins, origin: originOf(n), path }
      return send(client, repeats)
    }),
  )
}

async function send(client, repeats) {
  const { session, origins } = client
  const begun = performance.now()
  const until = begun + CLIENT_PATIENCE_MS
  let { origin } = client
  for (let putOff = 0; ; putOff += 1) {
    const answer = await ask(client, origin)
    const result = { ...answer, session, ms: performance.now() - begun, at: Date.now(), putOff }
    if (!repeats || answer.failure === undefined || performance.now() > until) return result
    if (answer.retryAfter !== undefined) await sleep(answer.retryAfter * 1000)
    else if (answer.isBroken) origin = origins[(origins.indexOf(origin) + 1) % origins.length]
    else return result
  }
}

async function ask({ dispatcher, session, path }, origin) {
  try {
    const { statusCode, headers, body } = await request(origin + path, {
      dispatcher,
      headers: { cookie: session.cookie, accept: 'application/json' },
    })
    if (statusCode === 200) return await body.json()
    await body.dump()
    const retryAfter = headers['retry-after']
    return { failure: `status ${statusCode}`, retryAfter: retryAfter && Number(retryAfter) }
  } catch (error) {
    return { failure: error.code ?? error.message, isBroken: true }
  }
}
