import { afterEach, describe, expect, test } from '@jest/globals'
import { setImmediate } from 'node:timers/promises'

import {
  startHealthKey,
  type HealthKeyOptions,
  type HealthKeySimulator,
} from '../../../example-app/simulators/healthkey.ts'
import { header, send, statusOf, type WireAnswer } from './wire.ts'

// What all simulators have in common, seen through one of them.

const CALLBACK = 'https%3A%2F%2Fapp.example%2Fauth%2Fhealthkey%2Fcallback'

const AUTHORIZE = `
GET /o/authorize/?response_type=code&client_id=hk-client-01&redirect_uri=${CALLBACK}&scope=profile%20payment&state=s1
    &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256 HTTP/1.1
Host: auth.healthkey.example`

let simulator: HealthKeySimulator | undefined
afterEach(() => simulator?.close())

async function start(options: HealthKeyOptions = {}): Promise<HealthKeySimulator> {
  simulator = await startHealthKey({ switches: { consent: 'auto' }, ...options })
  return simulator
}

function post(path: string, form: string, headers = ''): string {
  return `
POST ${path} HTTP/1.1
Host: auth.healthkey.example
Content-Type: application/x-www-form-urlencoded${headers}

${form}`
}

function exchange(code: string): string {
  return post(
    '/o/token/',
    `grant_type=authorization_code&code=${code}&client_id=hk-client-01&client_secret=hk-secret-01
    &redirect_uri=${CALLBACK}&code_verifier=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk`,
  )
}

function refresh(token: string): string {
  return post(
    '/o/token/',
    `grant_type=refresh_token&refresh_token=${token}&client_id=hk-client-01
    &redirect_uri=${CALLBACK}&code_verifier=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk`,
  )
}

function profile(token: string): string {
  return `GET /api/v1/profile HTTP/1.1\nHost: api.healthkey.example\nAuthorization: Bearer ${token}`
}

interface Pair {
  readonly access_token: string
  readonly refresh_token: string
}

async function signIn({ url }: HealthKeySimulator): Promise<Pair> {
  return tokensOf(await send(url, exchange(codeOf(await send(url, AUTHORIZE)))))
}

function codeOf(answer: WireAnswer): string {
  return new URL(header(answer, 'location') ?? '').searchParams.get('code') ?? ''
}

function tokensOf({ body }: WireAnswer): Pair {
  return JSON.parse(body) as Pair
}

describe('the log', () => {
  test('has each request as it was sent, and what was answered', async () => {
    const healthKey = await start()
    const { access_token: token } = await signIn(healthKey)

    await send(
      healthKey.apiUrl,
      `
POST /api/v1/transactions?a=%7e&A=+ HTTP/1.1
hOsT: api.healthkey.example
X-Twice: 1
AUTHORIZATION: bearer ${token}
x-twice: 2

{"products": ["ä"]}`,
    )

    expect(healthKey.log.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'GET /o/authorize/',
      'POST /o/token/',
      'POST /api/v1/transactions',
    ])
    expect(healthKey.log.at(-1)).toMatchObject({
      target: '/api/v1/transactions?a=%7e&A=+',
      headers: [
        ['hOsT', 'api.healthkey.example'],
        ['X-Twice', '1'],
        ['AUTHORIZATION', `bearer ${token}`],
        ['x-twice', '2'],
        ['Content-Length', '20'],
      ],
      body: '{"products": ["ä"]}',
      answer: { status: 200, headers: [['Content-Type', 'application/json']] },
    })
  })
})

describe('tokens', () => {
  test('expire and are revoked at will', async () => {
    const healthKey = await start()
    const first = await signIn(healthKey)

    healthKey.expireAccessTokens()
    expect(header(await send(healthKey.apiUrl, profile(first.access_token)), 'www-authenticate')).toContain(
      'has expired',
    )

    const second = tokensOf(await send(healthKey.url, refresh(first.refresh_token)))
    expect(statusOf(await send(healthKey.apiUrl, profile(second.access_token)))).toBe(200)
    healthKey.revokeAccessTokens()
    expect(header(await send(healthKey.apiUrl, profile(second.access_token)), 'www-authenticate')).toContain(
      'is invalid',
    )

    healthKey.revokeRefreshTokens()
    expect(statusOf(await send(healthKey.url, refresh(second.refresh_token)))).toBe(400)
    const third = await signIn(healthKey)
    healthKey.expireRefreshTokens()
    expect(statusOf(await send(healthKey.url, refresh(third.refresh_token)))).toBe(400)
    expect(healthKey.counters).toMatchObject({
      codeRequests: 2,
      refreshRequests: 3,
      refreshes: 1,
      deadRefreshTokens: 1,
    })
  })

  test('live as long as is set when they are issued', async () => {
    const clock = { ms: 0 }
    const healthKey = await start({ now: () => clock.ms, lifetimes: { accessTokenSeconds: 5 } })
    const first = await signIn(healthKey)
    healthKey.lifetimes.accessTokenSeconds = 10
    const second = tokensOf(await send(healthKey.url, exchange(codeOf(await send(healthKey.url, AUTHORIZE)))))
    expect(second).toMatchObject({ expires_in: 10 })

    clock.ms += 5000

    expect(statusOf(await send(healthKey.apiUrl, profile(first.access_token)))).toBe(401)
    expect(statusOf(await send(healthKey.apiUrl, profile(second.access_token)))).toBe(200)
    expect(healthKey.issued.accessTokens.map(({ value }) => value)).toEqual([first.access_token, second.access_token])
  })
})

describe('faults', () => {
  test('dropAnswers: the refresh is processed and its answer lost', async () => {
    const healthKey = await start()
    const { refresh_token: token } = await signIn(healthKey)
    healthKey.faults.token.dropAnswers = 1

    await expect(send(healthKey.url, refresh(token))).rejects.toThrow('the connection was cut')

    expect(healthKey.counters.refreshes).toBe(1)
    expect(healthKey.log.at(-1)?.answer).toBeUndefined()
    expect(statusOf(await send(healthKey.url, refresh(token)))).toBe(400)
  })

  test('failAnswers: the refresh is processed and a page of the server comes back', async () => {
    const healthKey = await start()
    const { refresh_token: token } = await signIn(healthKey)
    healthKey.faults.token.failAnswers = 1

    const answer = await send(healthKey.url, refresh(token))

    expect(answer).toMatchObject({
      statusLine: 'HTTP/1.1 500 Internal Server Error',
      body: '<h1>Server Error (500)</h1>',
    })
    expect(healthKey.counters.refreshes).toBe(1)
    expect(statusOf(await send(healthKey.url, refresh(token)))).toBe(400)
  })

  test('hold: a call waits before it is processed', async () => {
    const healthKey = await start()
    const { access_token: token } = await signIn(healthKey)
    let open = (): void => {}
    healthKey.faults.api.hold = new Promise((resolve) => (open = resolve))

    const before = healthKey.log.length
    const call = send(healthKey.apiUrl, profile(token))
    while (healthKey.log.length === before) await setImmediate()
    healthKey.revokeAccessTokens()
    open()

    expect(statusOf(await call)).toBe(401)
  })

  test('answerDelayMs: an answer comes late, though the request has been processed', async () => {
    const healthKey = await start()
    const { access_token: token } = await signIn(healthKey)
    healthKey.faults.api.answerDelayMs = 30

    const before = healthKey.counters.presentations.size
    const call = send(healthKey.apiUrl, profile(token))
    while (healthKey.counters.presentations.size === before) await setImmediate()
    healthKey.revokeAccessTokens()

    expect(statusOf(await call)).toBe(200)
  })

  test('delayMs: a request is processed late', async () => {
    const healthKey = await start()
    const { access_token: token } = await signIn(healthKey)
    healthKey.faults.api.delayMs = 30

    const before = healthKey.log.length
    const call = send(healthKey.apiUrl, profile(token))
    while (healthKey.log.length === before) await setImmediate()
    healthKey.revokeAccessTokens()

    expect(statusOf(await call)).toBe(401)
  })
})

describe('the pages', () => {
  const action = ({ body }: WireAnswer): string => /<form method="post" action="([^"]+)"/.exec(body)?.[1] ?? ''

  test('ask for the password and for consent, and remember the user', async () => {
    const { url } = await start({ switches: {} })

    const login = await send(url, AUTHORIZE)
    expect(login.body).toContain('<title>Sign in - simulated HealthKey</title>')
    expect(header(login, 'content-security-policy')).toContain("default-src 'none'; style-src 'sha256-")

    const wrong = await send(url, post(action(login), 'decision=login&login=alice&password=wrong'))
    expect(wrong.body).toContain('The user name or the password is wrong.')
    expect(header(wrong, 'set-cookie')).toBeUndefined()

    const consent = await send(url, post(action(wrong), 'decision=login&login=alice&password=wonderland'))
    expect(consent.body).toContain('use “payment”')
    const [cookie = ''] = (header(consent, 'set-cookie') ?? '').split(';')

    const allowed = await send(url, post(action(consent), 'decision=allow', `\nCookie: ${cookie}`))
    expect(header(allowed, 'location')).toMatch(
      /^https:\/\/app\.example\/auth\/healthkey\/callback\?code=[0-9a-f]+&state=s1$/,
    )
    expect(statusOf(await send(url, exchange(codeOf(allowed))))).toBe(200)

    const again = await send(url, AUTHORIZE.replace('\nHost', `\nCookie: ${cookie}\nHost`))
    expect(again.body).toContain('<title>Allow access? - simulated HealthKey</title>')
  })

  test('can be denied, and answered once', async () => {
    const { url } = await start({ switches: {} })
    const login = await send(url, AUTHORIZE)

    const denied = await send(url, post(action(login), 'decision=deny'))

    expect(header(denied, 'location')).toBe('https://app.example/auth/healthkey/callback?error=access_denied&state=s1')
    expect(statusOf(await send(url, post(action(login), 'decision=deny')))).toBe(404)
  })

  test('take no consent from somebody who has not signed in', async () => {
    const { url } = await start({ switches: {} })
    const login = await send(url, AUTHORIZE)

    const answer = await send(url, post(action(login), 'decision=allow'))

    expect(header(answer, 'location')).toBeUndefined()
    expect(answer.body).toContain('<title>Sign in - simulated HealthKey</title>')
  })

  test('show what a client sends as text', async () => {
    const { url } = await start({ switches: {}, client: { name: '<b>App</b>' } })
    const login = await send(url, AUTHORIZE)

    const consent = await send(url, post(action(login), 'decision=login&login=alice&password=wonderland'))

    expect(consent.body).toContain('&#60;b&#62;App')
  })
})

describe('starting', () => {
  test('a port that is taken is an error, and leaves nothing running', async () => {
    const first = await start()
    const taken = Number(new URL(first.url).port)
    const free = await freePort()

    await expect(startHealthKey({ port: free, apiPort: taken })).rejects.toMatchObject({ code: 'EADDRINUSE' })

    const second = await startHealthKey({ port: free })
    expect(second.url).toBe(`http://127.0.0.1:${free}`)
    await second.close()
  })
})

async function freePort(): Promise<number> {
  const other = await startHealthKey()
  await other.close()
  return Number(new URL(other.url).port)
}
