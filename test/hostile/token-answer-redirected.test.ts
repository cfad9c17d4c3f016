import { expect, test } from '@jest/globals'
import { redirectTo } from '../support/scripted-server.ts'
import { scriptedSites } from '../support/scripted-site.ts'
import { describeUnusableTokenAnswers, MISCONFIGURED } from './unusable-token-answer.ts'

const startSite = scriptedSites()

const STATUSES = [301, 302, 303, 307, 308]

describeUnusableTokenAnswers(
  'a token answer that sends us elsewhere',
  STATUSES.map((status) => ({
    what: `${status}`,
    answer: redirectTo('/elsewhere', status),
    atCallback: MISCONFIGURED,
    atRefresh: MISCONFIGURED,
  })),
)

test.each(STATUSES)('the code and the client secret do not follow a %i', async (status) => {
  const site = await startSite()
  site.server.script = { tokenGateway: redirectTo(`${site.server.issuer}/elsewhere`, status) }

  await site.signIn(site.browser())

  expect(site.server.tokenRequests('authorization_code')).toHaveLength(1)
  expect(site.server.requests('/elsewhere')).toHaveLength(0)
})
