import { expect, test } from '@jest/globals'
import { AuthError } from '../lib/index.ts'

test('a cause says something also where Node says nothing but the code', () => {
  // As when no address of a name can be connected to.
  const cause = Object.assign(new AggregateError([]), { code: 'ECONNREFUSED' })

  expect(new AuthError('ERR_AUTH_UPSTREAM', 'no connection', { cause }).cause).toMatchObject({
    name: 'AggregateError',
    message: 'ECONNREFUSED',
  })
})
