import { describe, test } from '@jest/globals'
import { expectRefused, logoutClaims, LOGOUT_EVENT, SID, signedInWith } from '../support/logout-tokens.ts'
import { scriptedSites } from '../support/scripted-site.ts'

const startSite = scriptedSites()

describe('an ID Token that is sent as a logout token (Back-Channel Logout §4.1)', () => {
  test('is refused for its type', async () => {
    const site = await startSite()
    const browser = await signedInWith(site)
    const idToken = site.server.secrets.filter((secret) => secret.startsWith('ey')).at(-1) ?? ''

    await expectRefused(site, browser, idToken, 'typ')
  })

  test('is refused for what it says, where types are not asked for', async () => {
    const site = await startSite({ provider: { acceptUntypedLogoutTokens: true } })
    const browser = await signedInWith(site)
    const idToken = site.server.secrets.filter((secret) => secret.startsWith('ey')).at(-1) ?? ''

    await expectRefused(site, browser, idToken, 'events')
    const claims = { sid: SID, events: { [LOGOUT_EVENT]: {} }, nonce: 'the nonce of a sign-in' }
    await expectRefused(site, browser, await site.server.sign(logoutClaims(site, claims)), 'nonce')
    await expectRefused(site, browser, await site.server.sign(logoutClaims(site), { typ: 'at+jwt' }), 'typ')
  })
})
