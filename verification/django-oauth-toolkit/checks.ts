import { AuthError } from '../../lib/errors.ts'
import { Ahead, visit, wordIn, type Setting } from '../checks.ts'
import { PUBLIC_CLIENT_ID } from '../family.ts'
import type { ServerProcess } from '../server-process.ts'

/** What only Django OAuth Toolkit does. */
export async function checkToolkit(
  setting: Setting,
  versions: string,
  start: (options: object) => Promise<ServerProcess>,
): Promise<void> {
  const { family, server, site, table } = setting
  const { fresh, signedIn, tokenRequests } = visit(setting)
  const check = (name: string, expected: string, run: () => Promise<string>): Promise<void> =>
    table.check(family.preset, name, expected, run)
  const outcome = ({ status }: { status: number }): string =>
    `${status} ${site.lastError instanceof AuthError ? `${site.lastError.code} ${wordIn(site.lastError)}` : 'no error'}`

  // Until 2.2 the toolkit's view does not catch oauthlib's refusal, so that nothing but an Internal Server Error is to be seen.
  const [, major = '0', minor = '0'] = /Toolkit (\d+)\.(\d+)/.exec(versions) ?? []
  const answersRefusal = Number(major) > 2 || (Number(major) === 2 && Number(minor) >= 2)
  await check(
    "tokenRequest: 'query', which oauthlib refuses",
    answersRefusal ? '502 ERR_AUTH_MISCONFIGURED (invalid_request)' : '503 ERR_AUTH_UNAVAILABLE (no word)',
    async () => outcome(await (await fresh({ tokenRequest: 'query' })).signIn()),
  )
  await check('scope that is not known', '502 ERR_AUTH_MISCONFIGURED (invalid_scope)', async () =>
    outcome(await (await fresh({ scope: 'profile nonsense' })).signIn()),
  )
  await check('public client: sign-in, refresh', '200, 200, 1 token request', async () => {
    const person = await fresh({ clientId: PUBLIC_CLIENT_ID, clientSecret: undefined })
    const page = await person.signIn()
    await server.turn('expire')
    const before = await tokenRequests()
    const { status } = await person.get('/api/me')
    return `${page.status}, ${status}, ${(await tokenRequests()) - before} token request`
  })
  await check('refresh as documented, without the secret, of a client that has one', '502, misconfigured', async () => {
    const clock = new Ahead()
    const person = await signedIn({ refreshRequest: { clientAuthentication: false } }, {}, clock.runtime)
    clock.hours = 11
    return `${(await person.get('/api/me')).status}, ${site.refreshes}`
  })
  for (const [clientAuthentication, expected] of [
    ['client_secret_basic', '200, 200, ok'],
    ['client_secret_basic_raw', '502'], // the toolkit decodes
  ] as const) {
    await check(`clientAuthentication: '${clientAuthentication}'`, expected, async () => {
      const person = await fresh({ clientAuthentication })
      const page = await person.signIn()
      if (page.status !== 200) return String(page.status)
      await server.turn('expire')
      return `${page.status}, ${(await person.get('/api/me')).status}, ${site.refreshes}`
    })
  }
  for (const [answers, expected] of [
    [undefined, '403, none'],
    [[{ status: 401 }, { status: 403 }], '200, ok'],
  ] as const) {
    const name = `ProtectedResourceView says 403 to an expired token; ${answers === undefined ? 'as the preset is' : 'expiredTokenAnswers with 403'}`
    await check(name, expected, async () => {
      const person = await signedIn(answers === undefined ? {} : { expiredTokenAnswers: answers })
      await server.turn('expire')
      return `${(await person.get('/plain')).status}, ${site.refreshes}`
    })
  }

  const strict = await start({ pkce_required: true })
  try {
    const demanding = visit({ ...setting, server: strict })
    await check('PKCE required: sign-in', '200', async () => String((await (await demanding.fresh()).signIn()).status))
    await check("PKCE required, pkce: 'off'", '502 ERR_AUTH_MISCONFIGURED (invalid_request)', async () =>
      outcome(await (await demanding.fresh({ pkce: 'off', refreshRequest: { codeVerifier: false } })).signIn()),
    )
  } finally {
    await strict.stop()
  }
}
