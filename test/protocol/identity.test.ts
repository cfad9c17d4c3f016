import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { inspect } from 'node:util'
import { AuthError } from '../../lib/errors.ts'
import { oauth2, type Identify, type OptionsWith } from '../../lib/providers/index.ts'
import { AuthorizationServer } from '../../lib/protocol/authorization-server.ts'
import { TestClock } from '../support/clock.ts'
import { complete, connect, REDIRECT_URI, startWire, type Wire, type WireAnswer } from '../support/wire.ts'

const ECHOED = 'the-access-token-that-the-server-repeats'

let wire: Wire
beforeAll(async () => {
  wire = await startWire()
})
afterAll(() => wire.close())

function provider(
  options: Partial<OptionsWith<'authorizationEndpoint' | 'tokenEndpoint'>>,
  api: WireAnswer,
): ReturnType<typeof oauth2> {
  wire.answers = { '/token': { body: { access_token: ECHOED, token_type: 'bearer' } }, '/me': api }
  return oauth2({ clientId: 'c', host: wire.url, authorizationEndpoint: '/authorize', tokenEndpoint: '/token', ...options }) // prettier-ignore
}

async function failureOf(work: Promise<unknown>): Promise<AuthError> {
  const failure = await work.then(
    () => undefined,
    (error: unknown) => error,
  )
  if (failure instanceof AuthError) return failure
  throw new Error('it did not fail with an AuthError')
}

describe('who has signed in, where no ID Token says so', () => {
  test.each<[string, object, object, string]>([
    ['a text', { subject: 'id' }, { id: 'kim', name: 'Kim' }, 'kim'],
    ['a number', { subject: 'id' }, { id: 4711 }, '4711'],
    ['zero', { subject: 'id' }, { id: 0 }, '0'],
    ['inside another member', { subject: 'id', within: 'data' }, { data: { id: 'kim' }, id: 'envelope' }, 'kim'],
    ['where `sub` says something else', { subject: 'id' }, { id: 'kim', sub: 'other' }, 'kim'],
  ])('is named by %s', async (_what, how, body, sub) => {
    const identity = { url: '/me', subject: 'id', ...how }

    const { user } = await complete(connect(provider({ identity }, { body })))

    expect(user?.sub).toBe(sub)
  })

  test.each<[string, WireAnswer, string]>([
    ['no such member', { body: { name: 'Kim' } }, 'ERR_AUTH_UNTRUSTED'],
    ['an empty name', { body: { id: '' } }, 'ERR_AUTH_UNTRUSTED'],
    ['null', { body: { id: null } }, 'ERR_AUTH_UNTRUSTED'],
    ['an object', { body: { id: {} } }, 'ERR_AUTH_UNTRUSTED'],
    ['true', { body: { id: true } }, 'ERR_AUTH_UNTRUSTED'],
    ['half a number', { body: { id: 1.5 } }, 'ERR_AUTH_UNTRUSTED'],
    ['a number that was rounded on the way', { body: '{"id":90071992547409931}' }, 'ERR_AUTH_UNTRUSTED'],
    ['a list', { body: [{ id: 'kim' }] }, 'ERR_AUTH_UNTRUSTED'],
    ['no object at all', { body: 'null' }, 'ERR_AUTH_UNTRUSTED'],
    ['a page', { body: '<h1>Welcome</h1>' }, 'ERR_AUTH_UNAVAILABLE'],
    ['nothing', { body: '' }, 'ERR_AUTH_UNAVAILABLE'],
    ['more than a session can hold', { body: { id: 'kim', more: 'x'.repeat(70_000) } }, 'ERR_AUTH_UNAVAILABLE'],
    ['a redirect', { status: 302, headers: { location: '/elsewhere' } }, 'ERR_AUTH_UNAVAILABLE'],
    ['500', { status: 500, body: { error: ECHOED } }, 'ERR_AUTH_UNAVAILABLE'],
    ['429', { status: 429 }, 'ERR_AUTH_UNAVAILABLE'],
    ['401', { status: 401, body: { error: ECHOED } }, 'ERR_AUTH_MISCONFIGURED'],
    ['403', { status: 403 }, 'ERR_AUTH_MISCONFIGURED'],
    ['404', { status: 404 }, 'ERR_AUTH_MISCONFIGURED'],
  ])('is not known from %s', async (_what, answer, code) => {
    const failure = await failureOf(complete(connect(provider({ identity: { url: '/me', subject: 'id' } }, answer))))

    expect(failure.code).toBe(code)
    expect(inspect(failure, { depth: 9, showHidden: true })).not.toContain(ECHOED)
    expect(failure.retryAfterSeconds === undefined).toBe(code !== 'ERR_AUTH_UNAVAILABLE')
  })

  test.each<[string, Identify, string]>([
    ['throws', () => Promise.reject(new Error('no')), 'ERR_AUTH_UNAVAILABLE'],
    ['throws at once', () => { throw new Error('no') }, 'ERR_AUTH_UNAVAILABLE'], // prettier-ignore
    ['names nobody', () => Promise.resolve({ sub: '' }), 'ERR_AUTH_UNTRUSTED'],
    ['forgets to answer', () => Promise.resolve(undefined as never), 'ERR_AUTH_UNTRUSTED'],
    ['refuses', () => Promise.reject(new AuthError('ERR_AUTH_FORBIDDEN', 'not for you')), 'ERR_AUTH_FORBIDDEN'],
    ['asks in clear text', async ({ fetch }) => (await fetch('http://id.example/me')).json() as never, 'ERR_AUTH_UNAVAILABLE'], // prettier-ignore
  ])('is not known from a function that %s', async (_what, identity, code) => {
    expect((await failureOf(complete(connect(provider({ identity }, {}))))).code).toBe(code)
  })

  test('is not waited for beyond the time that every answer has', async () => {
    const clock = new TestClock()
    const identity: Identify = () => {
      setImmediate(() => clock.advance({ seconds: 60 }))
      return new Promise(() => {})
    }
    const settings = { redirectUri: REDIRECT_URI, timeoutMs: 60_000 }
    const server = new AuthorizationServer(provider({ identity }, {}), settings, clock)

    expect(await failureOf(complete(server))).toMatchObject({
      code: 'ERR_AUTH_UNAVAILABLE',
      cause: { name: 'TimeoutError' },
    })
  })
})
