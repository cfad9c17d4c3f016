import { inspect } from 'node:util'
import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals'
import type { NextFunction, Request, Response } from 'express'
import { CLIENT_SECRET, SECRET } from '../support/app.ts'
import type { Browser } from '../support/browser.ts'
import { json, type Answer, type Script, type TokenBody } from '../support/scripted-server.ts'
import { startScriptedSite, type ScriptedSite } from '../support/scripted-site.ts'

const CONSOLE = ['debug', 'error', 'info', 'log', 'trace', 'warn'] as const

describe('what an application logs', () => {
  const errors: unknown[] = []
  let site: ScriptedSite
  beforeAll(async () => {
    for (const method of CONSOLE) jest.spyOn(console, method).mockImplementation((...told) => void errors.push(told))
    site = await startScriptedSite({
      options: {
        errorPage: ({ error }) => {
          errors.push(error)
          return '<h1>failed</h1>'
        },
      },
      routes(app) {
        app.use((error: unknown, _req: Request, _res: Response, next: NextFunction) => {
          errors.push(error)
          next(error)
        })
      },
    })
  })
  beforeEach(() => {
    errors.length = 0
    site.events.length = 0
    site.server.script = {}
  })
  afterAll(async () => {
    jest.restoreAllMocks()
    await site.close()
  })

  /** As logging libraries do it, and more. */
  function logged(): string {
    return [...errors, ...site.events]
      .flatMap((one) => [
        inspect(one, {
          depth: Number.POSITIVE_INFINITY,
          showHidden: true,
          maxStringLength: null,
          maxArrayLength: null,
        }),
        JSON.stringify(one),
        ...ownMembers(one),
      ])
      .join('\n')
  }

  function leaks(...more: readonly string[]): string[] {
    const text = logged()
    // V8 quotes the first ten characters of what it cannot parse.
    const isLeaked = (secret: string): boolean => text.includes(secret.slice(0, 10))
    return [...site.server.secrets, ...issuedCodes(site), ...more, CLIENT_SECRET, SECRET].filter(
      (secret) => secret !== '' && isLeaked(secret),
    )
  }

  /** A server that tells everybody everything it knows, with every status and in every form. */
  const echoes: readonly [string, (site: ScriptedSite, honest: TokenBody) => Answer][] = [
    ['in error_description', (_site, honest) => json({ error: 'invalid_grant', error_description: text(honest) }, 400)],
    [
      'in error_uri',
      (_site, honest) => json({ error: 'invalid_grant', error_uri: `https://id.example/?${text(honest)}` }, 400),
    ],
    ['in error itself', (_site, honest) => json({ error: text(honest) }, 400)],
    ['beside the error', (_site, honest) => json({ ...honest, error: 'server_error' }, 500)],
    [
      'in an error about the client',
      (_site, honest) => json({ error: 'invalid_client', error_description: text(honest) }, 401),
    ],
    [
      'in a challenge',
      (_site, honest) =>
        json({}, 401, { 'www-authenticate': `Bearer error="invalid_token", error_description="${text(honest)}"` }),
    ],
    ['in JSON that stops in the middle', (_site, honest) => json(JSON.stringify(honest).slice(0, -5))],
    ['in text that is no JSON', (_site, honest) => json(`token ${text(honest)}`)],
    ['in text that begins with a token', (_site, honest) => json(String(honest['refresh_token']))],
    [
      'in a page',
      (_site, honest) => (res) => res.writeHead(500, { 'content-type': 'text/html' }).end(`<p>${text(honest)}`),
    ],
    ['in headers', (_site, honest) => json('', 503, { 'x-debug': text(honest), 'retry-after': '1' })],
    [
      'in the address of a redirect',
      (_site, honest) => (res) => res.writeHead(302, { location: `/?${text(honest)}` }).end(),
    ],
    ['in an ID Token that is none', (_site, honest) => json({ ...honest, id_token: String(honest['refresh_token']) })],
    [
      'with an access token that no header can carry',
      (_site, honest) => json({ ...honest, access_token: `${String(honest['access_token'])}\n` }),
    ],
    [
      'with a type that we do not know',
      (_site, honest) => json({ ...honest, token_type: String(honest['access_token']) }),
    ],
    ['with a lifetime that is none', (_site, honest) => json({ ...honest, expires_in: {}, access_token: undefined })],
  ]

  test.each(echoes)(
    'at the callback, secrets %s: none is in an event, an error or the console',
    async (_where, answer) => {
      site.server.script = {
        tokenAnswer: (honest) =>
          answer(site, { ...honest, code: lastCode(site), verifier: site.server.secrets.at(-1) }),
      }

      const page = await site.signIn(site.browser())

      expect(page.status).toBeGreaterThanOrEqual(400)
      expect(errors).toHaveLength(1)
      expect(leaks()).toEqual([])
    },
  )

  test.each(echoes)(
    'at a refresh, secrets %s: none is in an event, an error or the console',
    async (_where, answer) => {
      const browser = await site.signedIn()
      const presented = site.server.secrets.slice()
      site.server.script = {
        tokenAnswer: (honest) => answer(site, { ...honest, presented: lastParameter(site, 'refresh_token') }),
      }
      site.expireAccessToken()

      await site.use(browser)

      expect(site.events.map(({ type }) => type)).toContain('refresh')
      expect(leaks(...presented)).toEqual([])
    },
  )

  test.each<[string, Script, (browser: Browser) => Promise<unknown>]>([
    ['UserInfo', { userInfoAnswer: echoAuthorization(401) }, (browser) => browser.get(`${site.url}/userinfo`)],
    ['UserInfo of another subject', { userInfo: { sub: 'mallory' } }, (browser) => browser.get(`${site.url}/userinfo`)],
    [
      'UserInfo that is no JSON',
      { userInfoAnswer: echoAuthorization(200) },
      (browser) => browser.get(`${site.url}/userinfo`),
    ],
    [
      'a failed revocation',
      { revocationAnswer: json({ error: 'invalid_token', error_description: 'see above' }, 400) },
      (browser) => browser.post(`${site.url}/logout`, {}),
    ],
  ])('%s: no secret is in an event, an error or the console', async (_what, script, act) => {
    const browser = await site.signedIn()
    site.server.script = script

    await act(browser)

    expect(errors.length + site.events.length).toBeGreaterThan(1)
    expect(leaks()).toEqual([])
  })

  test('an authorization response with an error: the description of whoever wrote it is in nothing', async () => {
    site.server.script = {
      authorizationResponse: (response) => {
        response.set('error', 'server_error')
        response.set('error_description', `about ${response.get('code')}`)
        response.delete('code')
      },
    }

    await site.signIn(site.browser())

    expect(errors).toHaveLength(1)
    expect(leaks()).toEqual([])
    expect(logged()).not.toContain('about')
  })

  test('the search itself finds what is there', () => {
    const [secret = ''] = site.server.secrets
    errors.push(
      Object.defineProperty(new Error('outer', { cause: new Error(`refused: ${secret}`) }), 'hidden', {
        value: SECRET,
      }),
    )

    expect(leaks()).toEqual([secret, SECRET])
  })

  test('the options of the application do not show the client secret', () => {
    expect(inspect(site.auth, { depth: Number.POSITIVE_INFINITY, showHidden: false })).not.toContain(CLIENT_SECRET)
  })
})

const text = (honest: TokenBody): string => Object.values(honest).join(' ')

/** Messages, stacks and causes, which JSON leaves out. */
function ownMembers(value: unknown, depth = 0): string[] {
  if (typeof value !== 'object' || value === null || depth > 10) return [String(value)]
  return Reflect.ownKeys(value).flatMap((key) => ownMembers((value as Record<PropertyKey, unknown>)[key], depth + 1))
}

function issuedCodes(site: ScriptedSite): string[] {
  return site.server.tokenRequests('authorization_code').map(({ parameters }) => parameters.get('code') ?? '')
}

function lastCode(site: ScriptedSite): string {
  return issuedCodes(site).at(-1) ?? ''
}

function lastParameter(site: ScriptedSite, name: string): string | undefined {
  return site.server.requests('/token').at(-1)?.parameters.get(name) ?? undefined
}

function echoAuthorization(status: number): Answer {
  return (res) =>
    res.writeHead(status, { 'content-type': 'application/json' }).end(`you said ${res.req.headers.authorization}`)
}
