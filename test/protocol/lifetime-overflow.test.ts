import { expect, test } from '@jest/globals'
import { normaliseTokenResponse, toTokenSet } from '../../lib/protocol/token-response.ts'
import { RedisRecordCodec } from '../../lib/grants/redis-record.ts'

const STORED = {
  storeNow: 0, generation: 1, provider: 'p', subject: 's', sid: undefined, verified: true, storedAt: 0, clockOffset: 0, failures: 0, session: undefined,
} // prettier-ignore

test.each([1e308, '1e308', Number.MAX_VALUE])(
  'a lifetime of %p seconds leaves a grant that can be read back',
  (given) => {
    const answer = normaliseTokenResponse({ access_token: 'at', refresh_token: 'rt', expires_in: given })
    const tokens = toTokenSet(answer as never, 0)
    const codec = new RedisRecordCodec(['a secret for tests, and for tests alone'])

    const state = codec.state('id', { ...STORED, sealed: codec.sealTokens('id', tokens) }, 0)

    expect(state.tokens.refreshToken).toBe('rt')
  },
)

test('a blank lifetime is not given', () => {
  const answer = normaliseTokenResponse({ access_token: 'at', expires_in: ' ' }, { defaultExpiresIn: 600 })

  expect(answer['expires_in']).toBe(600)
})
