import { setTimeout as delay } from 'node:timers/promises'
import { Agent, request } from 'undici'
import type { Cluster, Worker } from './cluster.ts'

/** One signed-in user. */
export interface Session {
  readonly subject: string
  cookie: string
  /** When its sign-out was answered. Epoch milliseconds. */
  signedOutAt?: number
}

export interface Answer {
  readonly session: Session
  /** `cut`: the worker died, or stood still and the balancer gave up on it. `hung up`: the client did not wait. */
  readonly status: number | 'cut' | 'hung up'
  readonly retryAfter: string | undefined
  readonly ms: number
  readonly body: { readonly token?: string; readonly at?: number; readonly subject?: string; readonly code?: string }
}

export interface Wish {
  readonly session: Session
  readonly path: string
  readonly method?: 'GET' | 'POST'
  /** Whose turn it is unless given. */
  readonly worker?: Worker
  /** The client hangs up after so many milliseconds. */
  readonly hangUpMs?: number
}

const HEALTH_CHECK_MS = 50
/** As many requests as a balancer lets through at a time. */
const AT_ONCE = 256
/** Few enough for none of them to wait long. */
export const CALMLY = 32

/** What people's browsers do, through the round robin. */
export class Herd {
  /** For how long this process got no processor: as much as its measurements may be off. Set it to 0 before measuring. */
  lagMs = 0
  readonly #cluster: Cluster
  readonly #agent = new Agent({ connections: AT_ONCE, headersTimeout: 30_000 })

  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  /** Many at once on a busy machine are told to come later, as anybody would be. */
  async signIn(subject: string, attempts = 5): Promise<Session> {
    try {
      return await this.#signIn(subject)
    } catch (error) {
      if (attempts === 0) throw error
      await delay(500)
      return this.signIn(subject, attempts - 1)
    }
  }

  async #signIn(subject: string): Promise<Session> {
    const session: Session = { subject, cookie: '' }
    const login = await this.#get(`${this.#cluster.next().program.url}/login?login_hint=${encodeURIComponent(subject)}`, session) // prettier-ignore
    const authorization = await this.#get(login, session)
    const callback = new URL(authorization)
    await this.#get(this.#cluster.next().program.url + callback.pathname + callback.search, session)
    return session
  }

  /** @returns where it leads. */
  async #get(url: string, session: Session): Promise<string> {
    const { headers, statusCode, body } = await request(url, {
      dispatcher: this.#agent,
      headers: { cookie: session.cookie },
    })
    await body.dump()
    if (statusCode !== 302 && statusCode !== 303) throw new Error(`the sign-in was answered with ${statusCode}`)
    remember(session, headers['set-cookie'])
    return String(headers['location'])
  }

  async send({ session, path, method = 'GET', worker = this.#cluster.next(), hangUpMs }: Wish): Promise<Answer> {
    const begun = performance.now()
    const answered = (rest: Pick<Answer, 'status'> & Partial<Answer>): Answer => ({
      session,
      retryAfter: undefined,
      ms: performance.now() - begun,
      body: {},
      ...rest,
    })
    const abort = new AbortController()
    const hangUp = setTimeout(() => abort.abort(), hangUpMs ?? 60_000)
    let last = begun
    const healthCheck = setInterval(() => {
      this.lagMs = Math.max(this.lagMs, performance.now() - last - HEALTH_CHECK_MS)
      last = performance.now()
      if (worker.state === 'down') abort.abort()
    }, HEALTH_CHECK_MS)
    try {
      const { statusCode, headers, body } = await request(worker.program.url + path, {
        method,
        dispatcher: this.#agent,
        headers: { cookie: session.cookie },
        signal: abort.signal,
      })
      const text = await body.text()
      remember(session, headers['set-cookie'])
      const isJson = String(headers['content-type']).includes('json')
      const retryAfter = headers['retry-after']?.toString()
      return answered({ status: statusCode, retryAfter, body: isJson ? (JSON.parse(text) as Answer['body']) : {} })
    } catch {
      return answered({ status: hangUpMs === undefined ? 'cut' : 'hung up' })
    } finally {
      clearTimeout(hangUp)
      clearInterval(healthCheck)
    }
  }

  async all(wishes: readonly Wish[], limit: number = AT_ONCE): Promise<Answer[]> {
    return atOnce(limit, wishes, (wish) => this.send(wish))
  }

  /** Asks for each until it is served, or told to sign in again. @returns the last answer to each, and all of them. */
  async untilSettled(
    sessions: readonly Session[],
    path: string,
    patienceMs: number,
  ): Promise<{ last: Answer[]; all: Answer[] }> {
    const all: Answer[] = []
    const last = await atOnce(CALMLY, sessions, async (session) => {
      const giveUpAt = performance.now() + patienceMs
      for (;;) {
        const answer = await this.send({ session, path })
        all.push(answer)
        // Without a code, a 401 is the resource's own: there was no other token to be had at the moment.
        const isOver = answer.status === 401 && answer.body.code !== undefined
        if (answer.status === 200 || isOver || performance.now() > giveUpAt) return answer
        await delay(250)
      }
    })
    return { last, all }
  }

  async close(): Promise<void> {
    await this.#agent.destroy()
  }
}

export async function atOnce<T, R>(limit: number, tasks: readonly T[], run: (task: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  let next = 0
  const lane = async (): Promise<void> => {
    while (next < tasks.length) {
      const at = next
      next += 1
      results[at] = await run(tasks[at] as T)
    }
  }
  await Promise.all(Array.from({ length: limit }, lane))
  return results
}

function remember(session: Session, setCookie: string | string[] | undefined): void {
  for (const cookie of [setCookie ?? []].flat()) session.cookie = cookie.split(';', 1)[0] ?? ''
}
