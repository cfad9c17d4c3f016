import { expect, test } from '@jest/globals'
import { severalSites } from '../support/several-site.ts'

const startSite = severalSites()

test('what a handler has put into the session before it has an account connected is there afterwards', async () => {
  const site = await startSite({
    routes(app) {
      app.get('/begin', async (req) => {
        Object.assign(req.session, { wanted: 'the calendar' })
        await req.auth.provider('partner').connect({ returnTo: '/wanted' })
      })
      app.get('/wanted', (req, res) => void res.json((req.session as { wanted?: string }).wanted ?? null))
    },
  })
  const browser = await site.signedIn('work')

  const page = await browser.navigate(`${site.url}/begin`)

  expect(page.json()).toBe('the calendar')
})
