import { describe, expect, test } from '@jest/globals'
import { scriptedSites } from '../support/scripted-site.ts'

const start = scriptedSites()

describe('a server that wants parts of the sign-in with each refresh', () => {
  test('gets them as they were then, refresh after refresh, and the browser never sees them', async () => {
    const site = await start({ provider: { refreshRequest: { redirectUri: true, codeVerifier: true } } })
    const browser = await site.signedIn()
    const [{ parameters: exchange } = { parameters: new URLSearchParams() }] =
      site.server.tokenRequests('authorization_code')

    for (let refreshes = 1; refreshes <= 3; refreshes += 1) {
      site.expireAccessToken()
      expect((await site.use(browser)).status).toBe(200)
    }

    const repeated = site.server.tokenRequests('refresh_token').map(({ parameters }) => ({
      redirect_uri: parameters.get('redirect_uri'),
      code_verifier: parameters.get('code_verifier'),
    }))
    const atSignIn = { redirect_uri: `${site.url}/callback`, code_verifier: exchange.get('code_verifier') }
    expect(atSignIn.code_verifier).toMatch(/^[\w.~-]{43,128}$/)
    expect(repeated).toEqual([atSignIn, atSignIn, atSignIn])
    expect(browser.transcript).not.toContain(String(atSignIn.code_verifier))
  })

  test('gets nothing of it unless it is known to want it', async () => {
    const site = await start()
    const browser = await site.signedIn()
    site.expireAccessToken()
    await site.use(browser)

    const [refresh] = site.server.tokenRequests('refresh_token')
    expect([...(refresh?.parameters.keys() ?? [])].toSorted()).toEqual(['grant_type', 'refresh_token'])
  })
})
