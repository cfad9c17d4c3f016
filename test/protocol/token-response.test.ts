import { describe, expect, test } from '@jest/globals'
import type { TokenEndpointResponse } from 'openid-client'
import { normaliseTokenResponse, toTokenSet } from '../../lib/protocol/token-response.ts'

describe('a token response as servers write it', () => {
  test.each<[string, object, object]>([
    ['as it should be', { access_token: 'a', token_type: 'Bearer', expires_in: 60 }, { access_token: 'a', token_type: 'Bearer', expires_in: 60 }], // prettier-ignore
    ['without a type', { access_token: 'a' }, { access_token: 'a', token_type: 'Bearer' }],
    ['with an empty type', { access_token: 'a', token_type: '' }, { access_token: 'a', token_type: 'Bearer' }],
    ['with null members', { access_token: 'a', refresh_token: null, id_token: null, scope: null }, { access_token: 'a', token_type: 'Bearer' }], // prettier-ignore
    ['with empty members', { access_token: 'a', refresh_token: '', id_token: '', scope: '' }, { access_token: 'a', token_type: 'Bearer' }], // prettier-ignore
    ['with a list of scopes', { access_token: 'a', scope: ['x', 'y'] }, { access_token: 'a', token_type: 'Bearer' }],
    ['with members of its own', { access_token: 'a', cst: 1 }, { access_token: 'a', token_type: 'Bearer', cst: 1 }],
    ['bound to a key, which nobody here has', { access_token: 'a', token_type: 'DPoP' }, { access_token: 'a', token_type: 'unsupported' }], // prettier-ignore
    ['of another type', { access_token: 'a', token_type: 'mac' }, { access_token: 'a', token_type: 'mac' }],
  ])('%s', (_what, body, expected) => {
    expect(normaliseTokenResponse({ ...body })).toEqual(expected)
  })

  test.each<[unknown, boolean]>([
    [3_600, true],
    [0, true],
    ['3600', true],
    [59.5, true],
    [-1, false],
    ['soon', false],
    [Number.NaN, false],
    [Number.POSITIVE_INFINITY, false],
    [{}, false],
    [true, false],
    [[60], false],
    ['', false],
    [null, false],
  ])('expires_in of %p makes sense? %p', (value, makesSense) => {
    expect('expires_in' in normaliseTokenResponse({ access_token: 'a', expires_in: value })).toBe(makesSense)
  })
})

describe('the tokens of a response', () => {
  const NOW = Date.UTC(2030, 0, 1)

  test('live from the moment in which they were asked for', () => {
    const response = { access_token: 'a', token_type: 'bearer', expires_in: 60, refresh_token: 'r', scope: 'x y', id_token: 'i' } // prettier-ignore

    expect(toTokenSet(response as TokenEndpointResponse, NOW)).toEqual({
      accessToken: 'a',
      tokenType: 'Bearer',
      refreshToken: 'r',
      idToken: 'i',
      scope: 'x y',
      expiresAt: NOW + 60_000,
      lifetimeMs: 60_000,
    })
  })

  test('have no end where the server names none', () => {
    const tokens = toTokenSet({ access_token: 'a', token_type: 'bearer' }, NOW)

    expect(tokens.expiresAt).toBeUndefined()
    expect(tokens.lifetimeMs).toBeUndefined()
  })
})
