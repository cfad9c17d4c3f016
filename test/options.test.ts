import { describe, expect, test } from '@jest/globals'
import { AuthError, latchkey, memoryGrants, perTenant, type LatchkeyOptions } from '../lib/index.ts'
import { oidc } from '../lib/providers/index.ts'
import { redisGrants } from '../lib/redis.ts'

const PROVIDER = oidc({ issuer: 'https://id.example', clientId: 'c' })

const GOOD: LatchkeyOptions = {
  baseUrl: 'https://app.example',
  provider: PROVIDER,
  secret: 'thirty-two bytes of secret, more or less',
}

const unasked = async (): Promise<never> => {
  throw new Error('nobody should have asked')
}
const NO_REDIS = { evalsha: unasked, eval: unasked }

/** The message with which the options are refused, or `none`. */
function complaint(options: unknown): string {
  try {
    latchkey(options as LatchkeyOptions)
  } catch (error) {
    if (error instanceof AuthError && error.code === 'ERR_AUTH_OPTIONS') return error.message
    throw error
  }
  return 'none'
}

describe('options of latchkey()', () => {
  test('the smallest ones are enough', () => {
    expect(complaint(GOOD)).toBe('none')
  })

  test('all of them together are fine', () => {
    expect(
      complaint({
        ...GOOD,
        baseUrl: 'https://app.example/auth/',
        secret: [GOOD.secret, 'another secret of thirty-two bytes'],
        session: { name: 'sid', cookie: { maxAge: 1_000 }, rolling: true },
        grants: memoryGrants(),
        name: 'staff-2',
        routes: { login: '/in', callback: '/back', logout: '/out' },
        loginParameters: ['prompt', 'login_hint', 'ui_locales', 'acr_values', 'max_age'],
        afterLogin: '/welcome?first=1',
        afterLogout: '/bye',
        keepInSession: ['cart'],
        refresh: { deadlineMs: 4_000, leaseMs: 5_000, waitMs: 1, softWindowMs: 1 },
        timeoutMs: 1,
        errorPage: () => '',
        onEvent: () => {},
      }),
    ).toBe('none')
  })

  test.each<[string, Partial<LatchkeyOptions>, string]>([
    [
      'a store that is given longer than a claim may take',
      { refresh: { storeTimeoutMs: 4_001 } },
      'refresh.storeTimeoutMs',
    ],
    ['tombstones that do not outlive a refresh', { grants: memoryGrants({ tombstoneMs: 36_000 }) }, 'tombstoneMs'],
    ['the same in Redis', { grants: redisGrants(NO_REDIS, { tombstoneMs: 1 }) }, 'tombstoneMs'],
    ['grants that are only half a store', { grants: { claim() {}, commit() {} } as never }, '"grants"'],
  ])('that contradict each other are refused: %s', (_what, options, named) => {
    expect(complaint({ ...GOOD, ...options })).toContain(named)
  })

  test('a key prefix for Redis must not decide the slot', () => {
    expect(() => redisGrants(NO_REDIS, { prefix: '{app}:' })).toThrow(
      expect.objectContaining({ code: 'ERR_AUTH_OPTIONS' }),
    )
  })

  test('one that is undefined is one that is not given', () => {
    const names = ['session', 'grants', 'name', 'routes', 'loginParameters', 'afterLogin', 'afterLogout', 'keepInSession', 'refresh', 'timeoutMs', 'errorPage', 'onEvent'] // prettier-ignore
    const nothing = Object.fromEntries(names.map((name) => [name, undefined]))

    expect(complaint({ ...GOOD, ...nothing })).toBe('none')
    expect(complaint({ ...GOOD, routes: { login: undefined }, refresh: { leaseMs: undefined } })).toBe('none')
  })

  test.each<[string, unknown]>([
    ['baseUrl', undefined],
    ['baseUrl', 7],
    ['baseUrl', 'app.example'],
    ['baseUrl', '/auth'],
    ['baseUrl', 'ftp://app.example'],
    ['baseUrl', 'http://app.example'],
    ['baseUrl', 'http://192.168.0.1'],
    ['baseUrl', 'http://localhost.evil.example'],
    ['baseUrl', 'https://user:pass@app.example'],
    ['baseUrl', 'https://app.example/?a=1'],
    ['baseUrl', 'https://app.example/#top'],
    ['provider', undefined],
    ['provider', 'google'],
    ['provider', {}],
    ['secret', undefined],
    ['secret', ''],
    ['secret', 'x'.repeat(31)],
    ['secret', 7],
    ['secret', []],
    ['secret', ['x'.repeat(32), 'short']],
    ['session', 'memory'],
    ['grants', {}],
    ['grants', 'redis'],
    ['name', ''],
    ['name', 'two words'],
    ['routes', '/login'],
    ['routes.login', 'login'],
    ['routes.login', ''],
    ['routes.login', '/'],
    ['routes.callback', 'https://evil.example/cb'],
    ['routes.callback', '/cb?x=1'],
    ['routes.logout', '/../out'],
    ['routes.backchannelLogout', 'https://app.example/out'],
    ['loginParameters', 'prompt'],
    ['loginParameters.0', ['scope']],
    ['afterLogin', 'welcome'],
    ['afterLogin', 'https://evil.example/'],
    ['afterLogin', '//evil.example'],
    ['afterLogout', '/\\evil.example'],
    ['keepInSession', 'cart'],
    ['keepInSession.0', ['']],
    ['refresh', 5],
    ['refresh.deadlineMs', -1],
    ['refresh.leaseMs', '12000'],
    ['refresh.waitMs', 1.5],
    ['refresh.softWindowMs', Number.NaN],
    ['timeoutMs', 0],
    ['timeoutMs', Number.POSITIVE_INFINITY],
    ['errorPage', '<h1>'],
    ['onEvent', {}],
  ])('"%s" of %j is refused by its name', (path, value) => {
    const [name = '', member] = path.split('.')
    const isMember = member !== undefined && !/^\d$/.test(member)

    const message = complaint({ ...GOOD, [name]: isMember ? { [member]: value } : value })

    expect(message).toMatch(/^latchkey\(\): /)
    expect(message).toContain(`"${path}"`)
  })

  test.each(['http://localhost:3000', 'http://127.0.0.1', 'http://[::1]:8080', 'http://app.localhost'])(
    'http is fine on the developer’s own machine: %s',
    (baseUrl) => {
      expect(complaint({ ...GOOD, baseUrl })).toBe('none')
    },
  )

  test('everything that is wrong is named at once, in one error', () => {
    const message = complaint({
      baseUrl: 'http://app.example',
      secret: 'short',
      routes: { login: 'login', callback: 7 },
      refresh: { deadlineMs: 10_000, leaseMs: 11_000 },
      session: { secret: 'another' },
      afterLogin: 'x',
      loginparameters: [],
      timeoutMs: '1',
    })

    for (const path of [
      'baseUrl',
      'provider',
      'secret',
      'routes.login',
      'routes.callback',
      'refresh.leaseMs',
      'session.secret',
      'afterLogin',
      'loginparameters',
      'timeoutMs',
    ])
      // prettier-ignore
      expect(message).toContain(`"${path}"`)
  })

  test.each<[string, object, string]>([
    ['baseURL', { baseURL: 'x' }, 'did you mean "baseUrl"'],
    ['secrets', { secrets: [] }, 'did you mean "secret"'],
    ['onevent', { onevent: 1 }, 'did you mean "onEvent"'],
    ['routes.callbak', { routes: { callbak: '/x' } }, 'did you mean "callback"'],
    ['refresh.leaseMS', { refresh: { leaseMS: 1 } }, 'did you mean "leaseMs"'],
    ['clientId', { clientId: 'x' }, 'expected one of baseUrl, provider, providers, signInWith, secret'],
  ])('an unknown "%s" gets a hint', (path, extra, hint) => {
    const message = complaint({ ...GOOD, ...extra })

    expect(message).toContain(`"${path}" is unknown`)
    expect(message).toContain(hint)
  })

  test.each<[string, Record<string, unknown>, string]>([
    ['neither', { provider: undefined }, '"provider" is missing'],
    ['both', { providers: { work: PROVIDER } }, '"providers" cannot be given together'],
    ['none at all', { provider: undefined, providers: {} }, '"providers" must not be empty'],
    ['no object', { provider: undefined, providers: [PROVIDER] }, '"providers"'],
    [
      'one that is none',
      { provider: undefined, providers: { work: { issuer: 'x' } } },
      '"providers.work" must be made by',
    ],
    ['a key with a slash', { provider: undefined, providers: { 'a/b': PROVIDER } }, '"providers" must have keys'],
    [
      'a key that begins with a digit',
      { provider: undefined, providers: { '1': PROVIDER } },
      '"providers" must have keys',
    ],
    ['an empty key', { provider: undefined, providers: { '': PROVIDER } }, '"providers" must have keys'],
    ['signInWith of a single one', { signInWith: ['main'] }, '"signInWith" goes together with'],
    [
      'signInWith of nobody',
      { provider: undefined, providers: { work: PROVIDER }, signInWith: [] },
      '"signInWith" must not be empty',
    ],
    [
      'signInWith of an unknown key',
      { provider: undefined, providers: { work: PROVIDER }, signInWith: ['wrok'] },
      'did you mean "work"',
    ],
    [
      'a claim longer than one of them waits',
      {
        provider: undefined,
        providers: {
          work: PROVIDER,
          impatient: oidc({ issuer: 'https://id.example', clientId: 'c', rotation: { graceMs: 1 } }),
        },
      },
      '"refresh.leaseMs"',
    ],
  ])('which providers there are is said in one way: %s', (_what, options, named) => {
    expect(complaint({ ...GOOD, ...options })).toContain(named)
  })

  test('several providers, and tenants, are fine', () => {
    const hub = perTenant({ tenantOf: () => undefined, provider: () => undefined, max: 7 })

    expect(complaint({ ...GOOD, provider: undefined, providers: { 'Work-2_x': PROVIDER, hub }, signInWith: ['hub'] })).toBe('none') // prettier-ignore
    expect(complaint({ ...GOOD, provider: hub })).toBe('none')
  })

  test.each<[string, unknown, string]>([
    ['no function', { tenantOf: 'x', provider: () => undefined }, '"tenantOf"'],
    ['no provider', { tenantOf: () => undefined }, '"provider"'],
    ['no bound', { tenantOf: () => undefined, provider: () => undefined, max: 0 }, '"max"'],
    ['a misspelt option', { tenantOf: () => undefined, provider: () => undefined, maxx: 1 }, 'did you mean "max"'],
  ])('of perTenant(): %s', (_what, options, named) => {
    expect(() => perTenant(options as never)).toThrow(expect.objectContaining({ code: 'ERR_AUTH_OPTIONS', message: expect.stringContaining(named) })) // prettier-ignore
  })

  test('a lease that ends too soon after the deadline is refused, also against the defaults', () => {
    expect(complaint({ ...GOOD, refresh: { leaseMs: 9_000 } })).toContain('"refresh.leaseMs"')
    expect(complaint({ ...GOOD, refresh: { deadlineMs: 10_000 } })).toContain('"refresh.leaseMs"')
    expect(complaint({ ...GOOD, refresh: { leaseMs: 10_000 } })).toBe('none')
  })

  test('routes that are the same are refused', () => {
    expect(complaint({ ...GOOD, routes: { login: '/x', callback: '/x' } })).toContain('"routes"')
    expect(complaint({ ...GOOD, routes: { login: '/callback' } })).toContain('"routes"')
    expect(complaint({ ...GOOD, routes: { logout: '/backchannel-logout' } })).toContain('"routes"')
  })

  test('an option for the session that is misspelt, or a store that is none, is named', () => {
    const said = complaint({ ...GOOD, session: { sotre: {}, store: { get: 1 } } })

    expect(said).toMatch(/"session\.sotre" is unknown; did you mean "store"\?/)
    expect(said).toMatch(/"session\.store" must be a store/)
  })

  // express-session takes one; ours is known before a request comes.
  test('a session cookie that depends on the request is refused', () => {
    expect(complaint({ ...GOOD, session: { cookie: () => ({ maxAge: 1_000 }) } })).toContain(
      '"session.cookie" must be an object',
    )
  })

  test('the secret is named once: not again in the session’s options', () => {
    expect(complaint({ ...GOOD, session: { secret: GOOD.secret } })).toContain('"session.secret"')
  })

  test('no value is ever repeated: it may be a secret', () => {
    const hush = 'hush-hush'
    const names = ['baseUrl', 'provider', 'secret', 'session', 'grants', 'name', 'routes', 'loginParameters', 'afterLogin', 'afterLogout', 'keepInSession', 'refresh', 'timeoutMs', 'errorPage', 'onEvent'] // prettier-ignore
    for (const value of [hush, `${hush} `, [hush], { hush }, { [hush]: hush }]) {
      const given = Object.fromEntries(names.map((name) => [name, value]))
      // A key of an object is not a value; those that are unknown are named.
      expect(complaint(given).replace(/"[\w.-]+" is unknown[^;]*/g, '')).not.toMatch(/hush-hush|hush"|: hush/)
    }
    expect(complaint({ ...GOOD, secret: hush })).not.toContain(hush)
    expect(complaint({ ...GOOD, secret: [GOOD.secret, hush] })).not.toContain(hush)
  })

  test.each([undefined, null, 'options', 7, []])('%p is no options at all', (options) => {
    expect(complaint(options)).toMatch(/^latchkey\(\): the options /)
  })
})
