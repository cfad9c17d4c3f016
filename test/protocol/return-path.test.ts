import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { parseReturnPath } from '../../lib/protocol/return-path.ts'

describe('a return path', () => {
  test.each([
    '/',
    '/me',
    '/me?tab=2',
    '/me#top',
    '/me?a=1&b=%2F%2Fevil.example#x',
    '/a/b/',
    '/caf%C3%A9',
    '/search?q=https://evil.example',
    '/@evil.example',
    '/a//evil.example',
    '/%2F/evil.example',
    '/%5Cevil.example',
    '/javascript:alert(1)',
  ])('%s stays as it is', (path) => {
    expect(parseReturnPath(path)).toBe(path)
  })

  test.each<[string, string]>([
    ['/a/../b', '/b'],
    ['/./b', '/b'],
    ['/a/..', '/'],
    ['/b c', '/b%20c'],
    ['/caf\u00e9', '/caf%C3%A9'],
    ['/a\\b', '/a/b'],
    ['/a\tb', '/ab'],
  ])('%j is %j, as a browser reads it', (path, expected) => {
    expect(parseReturnPath(path)).toBe(expected)
  })

  test.each([
    undefined,
    null,
    7,
    {},
    ['/me'],
    '',
    ' /me',
    'me',
    '?x',
    '#x',
    '//evil.example',
    '///evil.example',
    '/\\evil.example',
    '\\\\evil.example',
    '/\t/evil.example',
    '/\n/evil.example',
    '/\r\n/evil.example',
    '/.//evil.example',
    '/a/..//evil.example',
    '/%2e//evil.example',
    '/%2e%2e//evil.example',
    '/.\\/evil.example',
    'https://evil.example/',
    'https:evil.example',
    'javascript:alert(1)',
    'data:text/html,x',
    'http://here.invalid/me',
    `/${'x'.repeat(2_000)}`,
    `/${'\u00e9'.repeat(400)}`,
  ])('%j becomes /', (input) => {
    expect(parseReturnPath(input)).toBe('/')
  })

  test('whatever comes in: what comes out stays on the site, and is the same when it comes in again', () => {
    const parts = fc.constantFrom('/', '\\', '.', '..', '%2e', '%2f', '%5c', ':', '@', '?', '#', '\t', '\n', '\r', ' ', 'a', 'evil.example', 'https:', 'é', '\u0000') // prettier-ignore
    const inputs = fc.oneof(
      fc.string(),
      fc.array(parts, { maxLength: 12 }).map((list) => `/${list.join('')}`),
    )
    fc.assert(
      fc.property(inputs, (input) => {
        const path = parseReturnPath(input)
        const site = 'https://app.example'
        expect(new URL(path, site).origin).toBe(site)
        expect(path).toMatch(/^\/(?![/\\])[\x21-\x7e]*$/)
        expect(parseReturnPath(path)).toBe(path)
      }),
      { numRuns: 2_000 },
    )
  })
})
