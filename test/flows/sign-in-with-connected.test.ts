import { expect, test } from '@jest/globals'
import { amend, severalSites } from '../support/several-site.ts'
import { until } from '../support/until.ts'

const startSite = severalSites()

test('whoever signs in with the account that was connected: what was is over, but not revoked, for it may be the same grant to the server', async () => {
  const site = await startSite()
  const browser = await site.signedIn('work', 'partner')
  amend(site.server('work'), {
    tokenAnswer: () => (res) =>
      res.writeHead(400, { 'content-type': 'application/json' }).end('{"error":"invalid_grant"}'),
  })
  site.expireAccessTokens()
  expect((await site.use(browser, 'work')).status).toBe(401)

  await browser.navigate(`${site.url}/login/partner?returnTo=/`)

  expect(await site.whoami(browser)).toMatchObject({ signedInWith: 'partner' })
  await until(
    () => site.events.some((event) => event.type === 'grant-ended' && event.provider === 'partner'),
    'the end',
  )
  await site.auth.close()
  expect(site.server('partner').requests('/revoke')).toEqual([])
})
