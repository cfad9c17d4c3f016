import { describe, expect, test } from '@jest/globals'
import { wireList } from '../../example-app/pages/wire.ts'
import { DOCUMENTED } from '../../example-app/wire/documented.ts'
import { purposeOf, type RawExchange } from '../../example-app/wire/exchange.ts'
import { parseHttp, parseMessage } from '../../example-app/wire/message.ts'
import { shownExchanges } from '../../example-app/wire/wire.ts'

const BASE: RawExchange = { at: 1_800_000_000_000, method: 'POST', target: '/o/token/', headers: [], body: '' }
const FORM = [['Content-Type', 'application/x-www-form-urlencoded']] as const
const BEARER = [['Authorization', 'Bearer a11ce0000000000000000c0de']] as const

/** The page as it is sent to a browser, for a log that has these in it. */
function pageOf(...exchanges: Partial<RawExchange>[]): string {
  const shown = shownExchanges(exchanges.map((exchange) => ({ ...BASE, ...exchange })))
  expect(shown.length).toBeGreaterThan(0)
  return wireList(shown, []).toString()
}

function answer(status: number, body: unknown, headers: readonly (readonly [string, string])[] = []) {
  return { status, headers, body: typeof body === 'string' ? body : JSON.stringify(body) }
}

describe('what went over the wire is masked before a browser sees it', () => {
  const JWT = 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ1MSJ9.c2lnbmF0dXJl'

  test.each([
    [
      'a token in the query',
      { target: '/token?grant_type=refresh_token&refresh_token=8aBcDeFgH1' },
      ['8aBcD', 'DeFgH1'],
    ],
    [
      'a code, a secret and a verifier in the query',
      { target: '/o/token/?code=7Qm2xV9cKd&client_secret=hk-secret-01&code_verifier=dBjftJeZ4CVP-mB92K27uhbUJU1p1r' },
      ['7Qm2x', 'xV9cKd', 'hk-se', 'secret-01', 'dBjft', 'U1p1r'],
    ],
    [
      'the same twice, in capitals, and with another spelling',
      {
        target:
          '/token?refresh_token=FIRST00000&refresh_token=SECOND0000&REFRESH_TOKEN=THIRD00000&refresh%5Ftoken=FOURTH0000',
      },
      ['FIRST', 'SECON', 'THIRD', 'FOURT'],
    ],
    ['Basic', { headers: [['authorization', 'Basic cGFydG5lcjAxOnNlY3JldDAx']] }, ['cGFy', 'JldDAx', 'secret01']],
    ['a bearer token', { headers: [...BEARER], target: '/api/v1/x', body: '' }, ['a11ce', '0c0de']],
    ['a scheme that nobody knows', { headers: [['Authorization', 'Weird s3cr3t-credential']] }, ['s3cr']],
    ['no scheme at all', { headers: [['Authorization', JWT]] }, ['eyJh']],
    [
      'headers that nobody asked for',
      {
        headers: [
          ['Cookie', 'session=s3cr3t'],
          ['X-Api-Key', 'k3yk3yk3y'],
        ],
      },
      ['s3cr', 'k3yk'],
    ],
    [
      'a form',
      { headers: [...FORM], body: 'grant_type=authorization_code&code=SpX4b2K9&client_secret=hunter2hunter2' },
      ['SpX4b', 'hunte'],
    ],
    ['JSON', { body: '{"refresh_token":"dsRT0001","client_secret":"ds-secret-01"}' }, ['dsRT', 'ds-se', 'secret-01']],
    ['JSON in JSON', { body: '{"data":{"token":"dsRT0001xyz"},"list":["dsAT0001xyz"]}' }, ['dsRT', 'dsAT']],
    [
      'a form with the label of JSON',
      { headers: [['Content-Type', 'application/json']], body: `code=SpX4b2K9&a=${JWT}` },
      ['SpX4b', 'eyJhb'],
    ],
    ['a body that is no form', { body: `<xml>${JWT}</xml>` }, ['eyJh']],
    ['a body that is a token', { body: JWT }, ['eyJh']],
    ['a token for a name', { target: `/token?${JWT}`, body: `${JWT}=x` }, ['eyJhb', 'c2lnbmF0']],
    [
      'a token in the path',
      { headers: [...BEARER], target: `/api/tokens/${JWT}/8aBcDeFgH1`, method: 'GET' },
      ['eyJhb', '8aBcD'],
    ],
    [
      'a redirect URI with a code in it',
      {
        target: `/o/authorize/?response_type=code&redirect_uri=${encodeURIComponent('https://user:passw0rd@app.example/cb?code=7Qm2xV9cKd#access_token=frag000000')}`,
      },
      ['7Qm2x', 'passw', 'frag0'],
    ],
  ] as [string, Partial<RawExchange>, string[]][])('%s', (_case, exchange, secrets) => {
    const page = pageOf(exchange)

    for (const secret of secrets) expect(page).not.toContain(secret)
  })

  test.each([
    [
      'tokens',
      answer(200, { access_token: 'a11ce00000', refresh_token: 'b0b0000000', id_token: JWT, extra: 'unknown000' }),
      ['a11ce', 'b0b00', 'eyJhb', 'unkno'],
    ],
    [
      'an error that repeats the token',
      answer(401, { error: 'invalid_token', error_description: 'Invalid refresh token: 8aBcDeFgH1' }),
      ['8aBcD'],
    ],
    [
      'an error that repeats a token of letters',
      answer(401, { error: 'invalid_token', error_description: 'Invalid access token: aBcDeFgHiJkLmNoPqRsT' }),
      ['aBcDe'],
    ],
    [
      'the challenge that does',
      answer(401, '', [
        [
          'WWW-Authenticate',
          `Bearer realm="openidconnect", error="invalid_token", error_description="Invalid access token: ${JWT}"`,
        ],
      ]),
      ['eyJhb'],
    ],
    [
      'an unquoted challenge',
      answer(401, '', [['WWW-Authenticate', `Bearer error_description=8aBcDeFgH1`]]),
      ['8aBcD'],
    ],
    [
      'a redirect with a code',
      answer(302, '', [
        ['Location', 'https://app.example/cb?code=X1Y2Z3A4B5&state=dGloLXN0YXRl#access_token=frag000000'],
      ]),
      ['X1Y2Z', 'dGloL', 'frag0'],
    ],
    ['a redirect with a token in the path', answer(302, '', [['Location', `/reset/${JWT}`]]), ['eyJhb']],
    ['a cookie', answer(302, '', [['Set-Cookie', 'session=s3cr3tvalue']]), ['s3cr']],
    ['a page', answer(500, `<h1>${JWT}</h1>`), ['eyJh']],
  ])('in the answer: %s', (_case, given, secrets) => {
    const page = pageOf({ answer: given })

    for (const secret of secrets) expect(page).not.toContain(secret)
  })

  test('a value that was secret once is so wherever it turns up, also in what is shown otherwise', () => {
    const secret = 'lettersonly'

    const page = pageOf(
      { body: `grant_type=refresh_token&refresh_token=${secret}` },
      {
        target: `/token?scope=${secret}&client_id=${secret}`,
        answer: answer(400, { error: secret, error_description: `no ${secret}` }),
      },
      { headers: [...BEARER], method: 'GET', target: `/api/${secret}?error=${secret}` },
    )

    expect(page).not.toContain(secret)
  })

  test('of the secret in Basic too, encoded or not', () => {
    const encoded = Buffer.from('app:correct+horse%2Fbattery').toString('base64')

    const page = pageOf(
      { headers: [['Authorization', `Basic ${encoded}`]] },
      { target: '/token?scope=correct%20horse/battery', answer: answer(400, { error: 'correct horse/battery' }) },
    )

    expect(page).not.toContain('horse')
  })

  test('nobody who is asked for a password is shown at all', () => {
    const shown = shownExchanges([
      { ...BASE, target: '/simulator/interaction/1', body: 'login=alice&password=wonderland&decision=login' },
      { ...BASE, target: '/o/authorize/?response_type=code', body: 'login=alice&password=wonderland' },
      { ...BASE, method: 'GET', target: '/interaction/1', headers: [['Cookie', 'session=1']] },
    ])

    expect(shown).toEqual([])
  })

  test('markup in a request stays text', () => {
    const page = pageOf({ target: '/token?client_id=%3Cscript%3Ealert(1)%3C/script%3E&scope=%22%3E%3Cimg%3E' })

    expect(page).not.toMatch(/<script|<img/)
  })

  test('what an error says can be read, but for the token in it', () => {
    const sentence = 'Invalid refresh token: 8aBcDeFgH1'

    const page = pageOf({ answer: answer(401, { error: 'invalid_token', error_description: sentence }) })

    expect(page).toContain('Invalid refresh token: 8a…')
  })

  test('what is no secret can be read', () => {
    const page = pageOf({
      target: '/identity/connect/token',
      headers: [...FORM],
      body: 'grant_type=refresh_token&client_id=hcss-client-01&refresh_token=5E0B7C00000000000000',
    })

    for (const text of [
      '/identity/connect/token',
      'grant_type=refresh_token',
      'client_id=hcss-client-01',
      'refresh_token=5E0B…',
    ]) {
      expect(page).toContain(text)
    }
  })
})

describe('the list of exchanges', () => {
  test('shows the newest first, 200 calls as one line, and no more than it can', () => {
    const call = { headers: [...BEARER], method: 'GET', target: '/api/v1/x', answer: answer(200, {}) }
    const refused = { ...call, answer: answer(401, {}) }
    const refresh = { body: 'grant_type=refresh_token', answer: answer(200, {}) }
    const repeat = (count: number, exchange: Partial<RawExchange>) => Array.from({ length: count }, () => exchange)
    const log = [...repeat(150, refresh), ...repeat(3, refused), refresh, ...repeat(200, call)]

    const shown = shownExchanges(log.map((exchange) => ({ ...BASE, ...exchange })))

    expect(shown.slice(0, 3).map(({ purpose, times, answer: given }) => [purpose, times, given?.status])).toEqual([
      ['API call', 200, 200],
      ['refresh', 1, 200],
      ['API call', 3, 401],
    ])
    expect(shown.length).toBeLessThanOrEqual(30)
  })

  test.each(Object.entries(DOCUMENTED))('knows each documented form of %s by what it is about', (_key, forms) => {
    const known = forms.map(({ http }) => purposeOf(parseMessage(parseHttp(http))))

    expect(known).toEqual(forms.map(({ purpose }) => purpose))
  })
})
