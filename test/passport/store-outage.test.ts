import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { memoryGrants } from '../../lib/index.ts'
import { byName, startPassportSite, type PassportSite } from '../support/passport-site.ts'
import { signIn } from '../support/sign-in.ts'
import { unreliable, type UnreliableStore } from '../support/unreliable-store.ts'
import { until } from '../support/until.ts'

describe('Passport while the grant store is away', () => {
  let site: PassportSite
  let store: UnreliableStore
  beforeAll(async () => {
    site = await startPassportSite({
      options: {
        grants: (context) => {
          store = unreliable(memoryGrants({ now: () => context.now() }))
          return store.store
        },
      },
    })
  })
  afterEach(() => {
    store.back()
    site.verify = byName
    site.asked.length = 0
  })
  afterAll(async () => {
    await site.close()
  })

  test('a sign-in is answered with 503, and verify is not asked', async () => {
    const browser = site.browser()
    store.refuse('create')

    const page = await signIn(browser, `${site.url}/login`)

    expect(page.status).toBe(503)
    expect(page.text).toContain('ERR_AUTH_UNAVAILABLE')
    expect(site.asked).toHaveLength(0)
    expect(await site.who(browser)).toMatchObject({ passport: null, latchkey: null })
  })

  test('from verify on, nobody is half signed in', async () => {
    const browser = site.browser()
    site.verify = async ({ user }) => {
      store.refuse()
      return { id: user.sub }
    }

    const page = await signIn(browser, `${site.url}/login`)
    store.back()

    expect(page.status).toBe(503)
    expect(await site.who(browser)).toMatchObject({ passport: null, latchkey: null })
    await until(async () => (await site.auth.grants.forSubject('alice').list()).length === 0, 'the end of the grant')
  })

  test('a refusal of verify holds, and the grant ends when the store is back', async () => {
    const browser = site.browser()
    let token = ''
    site.verify = async (given) => {
      token = await given.accessToken()
      store.refuse()
      return false
    }

    const page = await signIn(browser, `${site.url}/login`)

    expect(page.text).toBe('refused')
    expect(await site.asked[0]?.accessToken().catch((error: unknown) => (error as { code: string }).code)).toMatch(/^ERR_AUTH/) // prettier-ignore
    store.back()
    await until(async () => {
      site.clock.advance({ seconds: 1 })
      return !(await site.accepts(token))
    }, 'the revocation')
  })

  test('Passport’s logout() signs out all the same', async () => {
    const browser = await site.signedIn()
    const token = (await browser.get(`${site.url}/token`)).json() as string
    store.refuse()

    await browser.post(`${site.url}/passport-logout`, {})

    expect(await site.who(browser)).toMatchObject({ passport: null, latchkey: null })
    store.back()
    await until(async () => {
      site.clock.advance({ seconds: 1 })
      return !(await site.accepts(token))
    }, 'the revocation')
  })
})
