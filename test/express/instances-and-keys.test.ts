import { expect, test } from '@jest/globals'
import { latchkey, memoryGrants } from '../../lib/index.ts'
import { oidc } from '../../lib/providers/index.ts'
import { SECRET } from '../support/app.ts'
import { severalSites } from '../support/several-site.ts'

const startSite = severalSites()

test('an instance by the name of another’s provider finds none of its grants, even for the same subject', async () => {
  const grants = memoryGrants()
  const site = await startSite({
    keys: ['staff'],
    options: (provider) => ({ grants, providers: { staff: provider('staff') } }),
  })
  const provider = oidc({ issuer: 'https://id.example', clientId: 'another', clientSecret: 'its secret' })
  const staff = latchkey({ baseUrl: 'http://127.0.0.1:1', secret: SECRET, name: 'staff', grants, provider })

  await site.signedIn('staff')

  expect(await staff.grants.forSubject('alice of staff').list()).toEqual([])
  await staff.close()
})
