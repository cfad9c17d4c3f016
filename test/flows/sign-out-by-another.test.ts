import { describe, expect, test } from '@jest/globals'
import { scriptedSites } from '../support/scripted-site.ts'
import { until } from '../support/until.ts'

describe('somebody else signs in in the same browser', () => {
  const startSite = scriptedSites()

  test('signs the one before out, and their tokens are revoked', async () => {
    const site = await startSite()
    const browser = await site.signedIn()
    site.server.script = { claims: { sub: 'bob' } }

    await browser.navigate(`${site.url}/login?returnTo=/me`)

    await until(() => site.server.requests('/revoke').length === 1, 'the revocation')
    expect(site.events).toContainEqual(expect.objectContaining({ type: 'grant-ended', why: 'signed-out' }))
    expect(await site.auth.grants.forSubject('alice').list()).toEqual([])
    expect((await site.me(browser)).json()).toMatchObject({ sub: 'bob' })
    expect((await site.use(browser)).status).toBe(200)
  })

  test('the same person does not: many servers keep one grant for all sign-ins of a browser', async () => {
    const site = await startSite()
    const browser = await site.signedIn()

    await browser.navigate(`${site.url}/login?returnTo=/me`)

    expect(site.events).toContainEqual(expect.objectContaining({ type: 'grant-ended', why: 'replaced' }))
    expect(await site.auth.grants.forSubject('alice').list()).toHaveLength(1)
    expect(site.server.requests('/revoke')).toEqual([])
  })
})
