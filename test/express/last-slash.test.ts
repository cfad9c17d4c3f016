import { expect, test } from '@jest/globals'
import { severalSites } from '../support/several-site.ts'

const startSite = severalSites()

/** As Express routes what the application has there itself. */
test('a slash at the end of our own paths makes no difference', async () => {
  const site = await startSite({ keys: ['work', 'partner'] })
  const browser = await site.signedIn()

  const choice = await browser.navigate(`${site.url}/login/`)
  expect(choice.status).toBe(200)
  const page = await browser.navigate(`${site.url}/login/work/?returnTo=/`)
  expect([page.status, page.url.pathname]).toEqual([200, '/'])
  expect(await site.whoami(browser)).toMatchObject({ signedInWith: 'work' })
  expect((await browser.navigate(`${site.url}/login/work/?returnTo=/login/`)).url.pathname).toBe('/')

  expect((await browser.post(`${site.url}/logout/`, {})).status).toBe(200)
  expect((await site.whoami(browser)).signedInWith).toBeUndefined()
  expect((await browser.get(`${site.url}/login//`)).status).toBe(404)
})
