import { describe, expect, test } from '@jest/globals'
import { isTokenRequest, writeTokenRequest } from '../../lib/protocol/token-request.ts'
import type { TokenRequestForm } from '../../lib/providers/index.ts'

const URL_ = 'https://id.example/token'
const SECRET = `s'e&c=r+e t%/ü"`
const request = () => ({
  method: 'POST',
  headers: { accept: 'application/json', 'content-type': 'application/x-www-form-urlencoded;charset=UTF-8' },
  body: new URLSearchParams({ grant_type: 'refresh_token', client_secret: SECRET }),
})
const form = (given: Partial<TokenRequestForm>): TokenRequestForm => ({
  parameters: 'form',
  contentType: undefined,
  ...given,
})
const ENCODED = 'grant_type=refresh_token&client_secret=s%27e%26c%3Dr%2Be+t%25%2F%C3%BC%22'

describe('a token request', () => {
  test.each<[string, Partial<TokenRequestForm>, string, string | undefined, string | undefined]>([
    ['as a form', {}, URL_, 'application/x-www-form-urlencoded', ENCODED],
    ['as a form with another label', { contentType: 'application/json' }, URL_, 'application/json', ENCODED],
    ['as JSON', { parameters: 'json' }, URL_, 'application/json', JSON.stringify({ grant_type: 'refresh_token', client_secret: SECRET })], // prettier-ignore
    ['as JSON with another label', { parameters: 'json', contentType: 'application/vnd.api+json' }, URL_, 'application/vnd.api+json', JSON.stringify({ grant_type: 'refresh_token', client_secret: SECRET })], // prettier-ignore
    ['in the URL', { parameters: 'query' }, `${URL_}?${ENCODED}`, undefined, undefined],
    ['in the URL, with a label on nothing', { parameters: 'query', contentType: 'text/plain' }, `${URL_}?${ENCODED}`, 'text/plain', undefined], // prettier-ignore
  ])('%s', (_what, given, url, contentType, body) => {
    const [toUrl, { headers, body: written }] = writeTokenRequest(form(given), URL_, request())

    expect([toUrl, headers['content-type'], written]).toEqual([url, contentType, body])
    expect(headers['accept']).toBe('application/json')
  })

  test('in the URL goes behind a query that is there already', () => {
    const [url] = writeTokenRequest(form({ parameters: 'query' }), `${URL_}?v=2`, request())

    expect(url).toBe(`${URL_}?v=2&${ENCODED}`)
  })

  test('is one that has a grant type in a form', () => {
    expect(isTokenRequest(new URLSearchParams({ grant_type: 'authorization_code' }))).toBe(true)
    expect(isTokenRequest(new URLSearchParams({ token: 'revoked' }))).toBe(false)
    expect(isTokenRequest('grant_type=authorization_code')).toBe(false)
    expect(isTokenRequest(undefined)).toBe(false)
  })
})
