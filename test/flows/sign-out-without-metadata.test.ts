import { expect, test } from '@jest/globals'
import session from 'express-session'
import { memoryGrants } from '../../lib/index.ts'
import { Browser } from '../support/browser.ts'
import { held } from '../support/held.ts'
import { amend, severalSites } from '../support/several-site.ts'
import { until } from '../support/until.ts'

const startSite = severalSites()

test('sign-out in a process that knows nothing of the server yet, which is silent: it waits for both of its answers at once', async () => {
  const [grants, store] = [memoryGrants(), new session.MemoryStore()]
  const site = await startSite({
    keys: ['work'],
    options: (provider) => ({ grants, session: { store }, provider: provider('work'), timeoutMs: 60_000 }),
  })
  const other = await site.another()
  const browser = await site.signedIn()
  await browser.navigate(`${site.url}/login?returnTo=/`)
  const hold = held()
  amend(site.server('work'), { metadataAnswer: (res) => void hold.released.then(() => res.writeHead(503).end()) })
  const before = site.server('work').requests('/.well-known/openid-configuration').length

  const headers = { cookie: browser.cookieHeader(site.url) }
  const begunAt = site.clock.now()
  const answer = new Browser().post(`${other}/logout`, {}, { headers })
  await until(() => site.server('work').requests('/.well-known/openid-configuration').length > before, 'the metadata')
  let isAnswered = false
  void answer.then(() => (isAnswered = true))
  await until(() => {
    site.clock.advance({ ms: 10 })
    return isAnswered
  }, 'the sign-out')

  expect((await answer).json()).toEqual({ location: '/' })
  expect(site.clock.now() - begunAt).toBeLessThan(5_000)
  hold.release()
})
