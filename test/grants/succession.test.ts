import { describe, expect, test } from '@jest/globals'
import { issuedFor, successor } from '../../lib/grants/succession.ts'
import { targetKey } from '../../lib/protocol/token-target.ts'

const NOW = 1_700_000_000_000

const PREVIOUS = { accessToken: 'a1', tokenType: 'Bearer', refreshToken: 'r1', idToken: 'i1', scope: 's1', expiresAt: NOW + 1, lifetimeMs: 1 } // prettier-ignore
const API = targetKey({ resource: 'https://api.example' })

describe('the tokens after a refresh', () => {
  test('keep what the server leaves out, and nothing else', () => {
    expect(successor(PREVIOUS, { accessToken: 'a2', tokenType: 'Bearer' }, undefined, NOW)).toEqual({
      accessToken: 'a2',
      tokenType: 'Bearer',
      refreshToken: 'r1',
      idToken: 'i1',
      scope: 's1',
    })
    const complete = { accessToken: 'a2', tokenType: 'Bearer', refreshToken: 'r2', idToken: 'i2', scope: 's2', expiresAt: 2, lifetimeMs: 2 } // prettier-ignore
    expect(successor(PREVIOUS, complete, undefined, NOW)).toEqual(complete)
  })

  test('keep for good what each refresh repeats of the sign-in', () => {
    const signedIn = { ...PREVIOUS, refreshParameters: { code_verifier: 'v1' } }
    const answer = { accessToken: 'a2', tokenType: 'Bearer', refreshToken: 'r2' }

    expect(successor(signedIn, answer, undefined, NOW).refreshParameters).toEqual({ code_verifier: 'v1' })
    expect(successor(signedIn, answer, API, NOW).refreshParameters).toEqual({ code_verifier: 'v1' })
    expect(successor(PREVIOUS, answer, undefined, NOW)).not.toHaveProperty('refreshParameters')
  })

  test('for a resource leave the access token of the grant as it is, and take the new refresh token', () => {
    const tokens = successor(PREVIOUS, { accessToken: 'b1', tokenType: 'Bearer', refreshToken: 'r2' }, API, NOW)

    expect(issuedFor(tokens, undefined)).toMatchObject({ accessToken: 'a1', expiresAt: NOW + 1, refreshToken: 'r2' })
    expect(issuedFor(tokens, API)).toEqual({ accessToken: 'b1', tokenType: 'Bearer' })
  })

  test('keep the tokens for other resources until they expire', () => {
    const perResource = {
      expired: { accessToken: 'x', tokenType: 'Bearer', expiresAt: NOW },
      good: { accessToken: 'y', tokenType: 'Bearer', expiresAt: NOW + 1 },
    }

    const tokens = successor({ ...PREVIOUS, perResource }, { accessToken: 'a2', tokenType: 'Bearer' }, undefined, NOW)

    expect(Object.keys(tokens.perResource ?? {})).toEqual(['good'])
  })

  test('hold a bounded number of resources, the latest ones', () => {
    let tokens = PREVIOUS as Parameters<typeof successor>[0]
    for (let n = 1; n <= 30; n += 1) {
      tokens = successor(tokens, { accessToken: `t${n}`, tokenType: 'Bearer' }, `resource ${n}`, NOW)
    }

    expect(Object.keys(tokens.perResource ?? {})).toHaveLength(20)
    expect(issuedFor(tokens, 'resource 30')?.accessToken).toBe('t30')
    expect(issuedFor(tokens, 'resource 10')).toBeUndefined()
  })
})

describe('what an access token is for', () => {
  test.each([
    [{ scope: 'b a' }, { scope: ' a  b a' }],
    [{ resource: 'https://api.example' }, { resource: 'https://api.example', scope: ' ' }],
    [{}, { scope: '' }],
  ])('%j is the same as %j', (one, other) => {
    expect(targetKey(one)).toBe(targetKey(other))
  })

  test.each([
    [{ resource: 'https://a.example' }, { resource: 'https://b.example' }],
    [{ resource: 'https://a.example' }, { resource: 'https://a.example', scope: 'read' }],
    [{ scope: 'https://a.example' }, { resource: 'https://a.example' }],
    [{}, { scope: 'read' }],
  ])('%j is not the same as %j', (one, other) => {
    expect(targetKey(one)).not.toBe(targetKey(other))
  })

  test.each(['api', '/api', 'https://api.example/#part'])(
    'the resource %s is none that a server would know',
    (resource) => {
      expect(() => targetKey({ resource })).toThrow(expect.objectContaining({ code: 'ERR_AUTH_OPTIONS' }))
    },
  )
})
