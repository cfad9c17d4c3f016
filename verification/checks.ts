import { setTimeout as delay } from 'node:timers/promises'
import type { LatchkeyOptions } from '../lib/index.ts'
import { AuthError } from '../lib/errors.ts'
import { systemRuntime, type Runtime } from '../lib/runtime.ts'
import type { Changes, Family } from './family.ts'
import type { Page } from '../test/support/browser.ts'
import { Person } from './person.ts'
import type { ServerProcess } from './server-process.ts'
import type { Site } from './site.ts'
import type { Table } from './table.ts'

export interface Setting {
  readonly family: Family
  readonly server: ServerProcess
  readonly site: Site
  readonly table: Table
}

type Arrive = (changes?: Changes, options?: Partial<LatchkeyOptions>, runtime?: Runtime) => Promise<Person>

export interface Visit {
  /** Nobody has granted anything yet. */
  readonly fresh: Arrive
  /** The same, signed in. */
  readonly signedIn: Arrive
  /** Requests to the token endpoint in the server's access log since then. */
  readonly tokenRequests: () => Promise<number>
  /** Tokens that the server would accept. */
  readonly alive: () => Promise<string>
}

export function visit({ family, server, site }: Setting): Visit {
  let mark = server.mark
  const fresh: Arrive = async (changes, options, runtime) => {
    await server.turn('forget')
    await server.turn('lifetime/36000')
    site.use(
      family.provider(server.url, changes),
      server.url + family.apiPath,
      server.url + family.plainPath,
      options,
      runtime,
    )
    mark = server.mark
    return new Person(site.url, family.consent)
  }
  return {
    fresh,
    async signedIn(changes, options, runtime) {
      const person = await fresh(changes, options, runtime)
      const page = await person.signIn()
      if (page.status !== 200) throw new Error(`sign-in ended with ${page.status}: ${site.lastError?.message}`)
      await delay(300)
      mark = server.mark
      return person
    },
    tokenRequests: async () => (await server.requests(`POST ${family.tokenPath}`, mark)).length,
    async alive() {
      const { access, refresh } = (await server.turn('alive')) as { access: number; refresh: number }
      return `access ${access}, refresh ${refresh}`
    },
  }
}

/** What every preset must get right, whatever the server. */
export async function checkPreset(setting: Setting): Promise<void> {
  const { family, server, site, table } = setting
  const { fresh, signedIn, tokenRequests, alive } = visit(setting)
  const check = (name: string, expected: string, run: () => Promise<string>): Promise<void> =>
    table.check(family.preset, name, expected, run)
  const lastCode = (): string => (site.lastError instanceof AuthError ? site.lastError.code : 'no error')

  await check('sign-in, end-user named by the API', '200 {"sub":"1"}', async () => {
    const page = await (await fresh()).signIn()
    const { sub } = JSON.parse(page.text) as { sub: string }
    return `${page.status} ${JSON.stringify({ sub })}`
  })
  await check('sign-in refused on the consent page', '403 ERR_AUTH_DENIED', async () => {
    const page = await (await fresh()).signIn('deny')
    return `${page.status} ${lastCode() === 'no error' ? codeIn(page.text) : lastCode()}`
  })
  await check('API call: req.auth.fetch, proxy GET, proxy POST', '200 200 201', async () => {
    const person = await signedIn()
    const answers = [await person.get('/call'), await person.get('/api/me'), await person.post('/api/me', { a: 1 })]
    return answers.map(({ status }) => status).join(' ')
  })
  await check(
    '200 calls on a token that the API calls expired',
    '200×200, 1 token request, ok, access 1, refresh 1',
    async () => {
      const person = await signedIn()
      await server.turn('expire')
      const statuses = await person.callAtOnce('/api/me', 200)
      return `${statuses}, ${await tokenRequests()} token request, ${site.refreshes}, ${await alive()}`
    },
  )
  await check('200 calls on a token that has run out', '200×200, 1 token request, ok', async () => {
    const clock = new Ahead()
    const person = await signedIn({}, {}, clock.runtime)
    await server.turn('expire')
    clock.hours = 11
    const statuses = await person.callAtOnce('/api/me', 200)
    return `${statuses}, ${await tokenRequests()} token request, ${site.refreshes}`
  })
  await check('16 s of calls in 6 lanes on tokens of 4 s', '200, refreshed 3 to 5 times', async () => {
    await fresh()
    await server.turn('lifetime/4')
    const person = new Person(site.url, family.consent)
    await person.signIn()
    const statuses = await person.keepCalling('/api/me', 6, 16_000)
    const count = (await tokenRequests()) - 1
    return `${statuses}, refreshed ${count >= 3 && count <= 5 ? '3 to 5' : count} times`
  })
  await check('POST body sent again after the refresh', '201 {"a":1}, 1 token request', async () => {
    const person = await signedIn()
    await server.turn('expire')
    const answer = await person.post('/api/me', { a: 1 })
    const body = JSON.stringify(answer.json()).includes('"a":1') ? '{"a":1}' : answer.text
    return `${answer.status} ${body}, ${await tokenRequests()} token request`
  })
  await check('dead refresh token', 'program: 401, page: to sign in, 1 token request, dead', async () => {
    const person = await signedIn()
    await server.turn('forget')
    const program = await person.get('/api/me')
    const page = await person.browser.navigate(`${site.url}/me`, { redirectLimit: 0 })
    return `program: ${program.status}, page: ${whereTo(page)}, ${await tokenRequests()} token request, ${site.refreshes}`
  })
  await check('sign-in after that', '200', async () => {
    const person = await signedIn()
    await server.turn('forget')
    await person.get('/api/me')
    await person.signIn()
    return String((await person.get('/api/me')).status)
  })
  await check(
    'wrong secret at sign-in',
    '502 ERR_AUTH_MISCONFIGURED (invalid_client), no redirect, no secret',
    async () => {
      const page = await (await fresh({ clientSecret: 'wrong-secret' })).signIn()
      return `${page.status} ${lastCode()} ${wordIn(site.lastError)}, ${page.headers.has('location') ? 'a' : 'no'} redirect, ${leak(site, page.text, 'wrong-secret')}`
    },
  )
  await check(
    'secret changed at the server, and back',
    'misconfigured, program: 502, page after it: 503, then: 200',
    async () => {
      const clock = new Ahead()
      const person = await signedIn({}, {}, clock.runtime)
      await server.turn('secret/another')
      clock.hours = 11
      const program = await person.get('/api/me')
      const page = await person.browser.navigate(`${site.url}/call`, { redirectLimit: 0 }) // in the pause after a failure
      const [result] = site.refreshes.split(' ')
      await server.turn('secret')
      await delay(6_000)
      const then = await person.get('/api/me')
      return `${result}, program: ${program.status}, page after it: ${whereTo(page)}, then: ${then.status}`
    },
  )
  await check('answer to a refresh lost on the way', family.afterLostAnswer, async () => {
    const line = new LossyLine()
    const clock = new Ahead(line.runtime)
    const refresh = { deadlineMs: 1_000, leaseMs: 1_500, waitMs: 9_000 }
    const person = await signedIn({}, { refresh }, clock.runtime)
    clock.hours = 11
    line.loseNext = true
    const first = await person.get('/api/me')
    let second = await person.get('/api/me')
    for (let waited = 0; second.status === 503 && waited < 20_000; waited += 1_000) {
      await delay(1_000)
      second = await person.get('/api/me')
    }
    const page = await person.browser.navigate(`${site.url}/call`, { redirectLimit: 0 })
    return `${first.status}, then ${second.status}, page: ${whereTo(page)}, ${await tokenRequests()} token requests`
  })
  await check('sign-out, no revocation configured', 'access 1, refresh 1, signed out', async () => {
    const person = await signedIn()
    const signedOut = await signOut(person, site)
    return `${await alive()}, ${signedOut}`
  })
  await check('sign-out with revocation', 'access 0, refresh 0, signed out', async () => {
    const person = await signedIn({ revocationEndpoint: family.revocationPath })
    const signedOut = await signOut(person, site)
    await delay(500)
    return `${await alive()}, ${signedOut}`
  })
  await check(
    'sign-out with revocation, access token expired',
    `${family.afterLateRevocation}, signed out`,
    async () => {
      const person = await signedIn({ revocationEndpoint: family.revocationPath })
      await server.turn('expire')
      const signedOut = await signOut(person, site)
      await delay(500)
      return `${await alive()}, ${signedOut}`
    },
  )
}

async function signOut(person: Person, site: Site): Promise<string> {
  await person.browser.navigate(`${site.url}/logout`, { method: 'POST', form: {}, from: site.url })
  const home = await person.get('/')
  return (home.json() as { signedIn: boolean }).signedIn ? 'still signed in' : 'signed out'
}

function whereTo({ status, headers }: Page): string {
  const location = headers.get('location')
  if (location === null) return String(status)
  return location.startsWith('/login') ? 'to sign in' : `to ${location}`
}

export function codeIn(text: string): string {
  return /ERR_AUTH_\w+/.exec(text)?.[0] ?? 'no code'
}

export function wordIn(error: Error | undefined): string {
  return /\([a-z_]+\)/.exec(error?.message ?? '')?.[0] ?? '(no word)'
}

function leak(site: Site, text: string, secret: string): string {
  const seen = [text, JSON.stringify(site.events), site.lastError?.stack ?? ''].some((shown) => shown.includes(secret))
  return seen ? 'SECRET SHOWN' : 'no secret'
}

/** A clock that is ahead of everybody's, so that nobody has to wait until a token has run out. */
export class Ahead {
  hours = 0
  readonly runtime: Runtime

  constructor(runtime: Runtime = systemRuntime) {
    this.runtime = { ...runtime, now: () => runtime.now() + this.hours * 3_600_000 }
  }
}

/** A network that loses the answer to one token request: the server has done its work, and the client never hears of it. */
class LossyLine {
  loseNext = false
  readonly runtime: Runtime = {
    ...systemRuntime,
    fetch: async (input, init) => {
      const answer = await systemRuntime.fetch(input, init)
      if (!this.loseNext) return answer
      this.loseNext = false
      await answer.arrayBuffer()
      throw new TypeError('fetch failed', {
        cause: Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }),
      })
    },
  }
}
