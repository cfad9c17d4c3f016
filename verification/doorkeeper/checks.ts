import { visit, type Setting } from '../checks.ts'
import type { ServerProcess } from '../server-process.ts'

/** What only Doorkeeper does. */
export async function checkDoorkeeper(
  setting: Setting,
  _versions: string,
  start: (options: object) => Promise<ServerProcess>,
): Promise<void> {
  const { family, server, site, table } = setting
  const { fresh, signedIn } = visit(setting)
  const check = (name: string, expected: string, run: () => Promise<string>): Promise<void> =>
    table.check(family.preset, name, expected, run)

  for (const tokenRequest of ['form', 'query'] as const) {
    await check(`tokenRequest: '${tokenRequest}'`, '200, 200, ok', async () => {
      const person = await signedIn({ tokenRequest })
      await server.turn('expire')
      return `200, ${(await person.get('/api/me')).status}, ${site.refreshes}`
    })
  }
  for (const [clientAuthentication, expected] of [
    ['client_secret_basic_raw', '200, 200, ok'],
    ['client_secret_basic', '502'],
  ] as const) {
    await check(`clientAuthentication: '${clientAuthentication}'`, expected, async () => {
      const person = await fresh({ clientAuthentication })
      const page = await person.signIn()
      if (page.status !== 200) return String(page.status)
      await server.turn('expire')
      return `${page.status}, ${(await person.get('/api/me')).status}, ${site.refreshes}`
    })
  }
  await check('no scope asked for: the server gives its default', '200', async () =>
    String((await (await fresh({ scope: '' })).signIn()).status),
  )
  await check('scope that is not known: the server shows a page of its own', 'at the server', async () => {
    const page = await (await fresh({ scope: 'nonsense' })).signIn()
    return page.url.origin === server.url ? 'at the server' : String(page.status)
  })
  await check('second sign-in, without a consent page', '200', async () => {
    const person = await signedIn()
    return String((await person.signIn('allow', '/login')).status)
  })

  const modern = await start({ pkce: true })
  try {
    const withPkce = visit({ ...setting, server: modern })
    await check('PKCE column: sign-in and refresh', '200, 200, ok', async () => {
      const person = await withPkce.signedIn()
      await modern.turn('expire')
      return `200, ${(await person.get('/api/me')).status}, ${site.refreshes}`
    })
  } finally {
    await modern.stop()
  }
}
