import { describe, expect, test } from '@jest/globals'
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import { judgeBody, judgeHead, MAX_LOOK_BYTES, type AnswerHead } from '../../lib/protocol/refusal.ts'
import type { AnswerPattern } from '../../lib/providers/provider.ts'

const CODES: AnswerPattern = { status: 400, member: 'error_code', values: [400_002, 400_003, '401001'] }

function head(status: number, headers: Readonly<Record<string, string>> = {}): AnswerHead {
  return { status, header: (name) => headers[name] }
}

const JSON_400 = head(400, { 'content-type': 'application/json' })

describe('an answer of an API, before its body', () => {
  test.each<[string, AnswerPattern[], AnswerHead, string]>([
    ['has the status of an expired token', [{ status: 401 }], head(401), 'refused'],
    ['has it, among others', [CODES, { status: 401 }], head(401), 'refused'],
    ['has another status', [{ status: 401 }], head(403), 'other'],
    ['is a success', [{ status: 401 }, CODES], head(200, { 'content-type': 'application/json' }), 'other'],
    ['is JSON whose member decides', [{ status: 401 }, CODES], JSON_400, 'look'],
    ['is JSON with a charset', [CODES], head(400, { 'content-type': 'Application/JSON ; charset=utf-8' }), 'look'],
    ['is problem JSON', [CODES], head(400, { 'content-type': 'application/problem+json' }), 'look'],
    ['is vendor JSON', [CODES], head(400, { 'content-type': 'application/vnd.sign.v1+json;a=b' }), 'look'],
    ['is HTML', [CODES], head(400, { 'content-type': 'text/html' }), 'other'],
    ['is JSON lines', [CODES], head(400, { 'content-type': 'application/json-seq' }), 'other'],
    ['says JSON and more', [CODES], head(400, { 'content-type': 'application/json, text/html' }), 'other'],
    ['has no type', [CODES], head(400), 'other'],
    ['is small', [CODES], head(400, { 'content-type': 'application/json', 'content-length': '8192' }), 'look'],
    ['is long', [CODES], head(400, { 'content-type': 'application/json', 'content-length': '8193' }), 'other'],
    ['meets a pattern without status', [{ member: 'e' }], head(418, { 'content-type': 'application/json' }), 'look'],
    ['is a success, and the pattern has no status', [{ member: 'e' }], head(200, { 'content-type': 'application/json' }), 'other'], // prettier-ignore
    ['is 429, and the pattern has no status', [{ member: 'e' }], head(429, { 'content-type': 'application/json' }), 'other'], // prettier-ignore
    ['is 500, and the pattern has no status', [{ member: 'e' }], head(500, { 'content-type': 'application/json' }), 'other'], // prettier-ignore
    ['meets no pattern', [], head(401), 'other'],
  ])('%s', (_what, patterns, answer, verdict) => {
    expect(judgeHead(patterns, answer)).toBe(verdict)
  })
})

describe('the body of an answer of an API', () => {
  const judge = (text: string, patterns: AnswerPattern[] = [CODES], answer = JSON_400): boolean =>
    judgeBody(patterns, answer, Buffer.from(text), undefined)

  test.each<[string, string, boolean]>([
    ['the number asked for', '{"error_code":400003}', true],
    ['the number as a string', '{"error_code":"400003"}', true],
    ['the string as a number', '{"error_code":401001,"error_key":"invalid_grant"}', true],
    ['a byte order mark before it', '\ufeff{"error_code":400002}', true],
    ['another number', '{"error_code":400417}', false],
    ['a list that reads the same', '{"error_code":["400003"]}', false],
    ['the member further down', '{"data":{"error_code":400003}}', false],
    ['no such member', '{"code":400003}', false],
    ['a list', '[{"error_code":400003}]', false],
    ['null', 'null', false],
    ['half of it', '{"error_code":400003', false],
    ['nothing', '', false],
  ])('%s: %s', (_what, text, refused) => {
    expect(judge(text)).toBe(refused)
  })

  test('with a pattern about another status', () => {
    expect(judge('{"error_code":400003}', [{ ...CODES, status: 409 }])).toBe(false)
  })

  test('with a pattern that asks for the member alone', () => {
    const pattern = [{ status: 400, member: 'token_expired' }]

    expect(judge('{"token_expired":true}', pattern)).toBe(true)
    expect(judge('{"token_fine":true}', pattern)).toBe(false)
  })

  test('with a path to the member', () => {
    const pattern = [{ status: 400, member: 'error.code', values: ['expired'] }]

    expect(judge('{"error":{"code":"expired"}}', pattern)).toBe(true)
    expect(judge('{"error.code":"expired"}', pattern)).toBe(true)
    expect(judge('{"error":"expired"}', pattern)).toBe(false)
    expect(judge('{"error":{"code":"other"}}', pattern)).toBe(false)
  })

  test('is not searched in what every object inherits', () => {
    expect(judge('{}', [{ status: 400, member: 'toString' }])).toBe(false)
  })

  test.each<[string, (bytes: Buffer) => Buffer]>([
    ['gzip', gzipSync],
    ['x-gzip', gzipSync],
    ['GZIP', gzipSync],
    ['br', brotliCompressSync],
    ['deflate', deflateSync],
    ['deflate', deflateRawSync],
    ['identity', (bytes) => bytes],
  ])('compressed with %s', (encoding, compress) => {
    const spoken = (text: string): boolean => judgeBody([CODES], JSON_400, compress(Buffer.from(text)), encoding)

    expect(spoken('{"error_code":400003}')).toBe(true)
    expect(spoken('{"error_code":400417}')).toBe(false)
  })

  test.each<[string, (bytes: Buffer) => Buffer]>([
    ['gzip', gzipSync],
    ['br', brotliCompressSync],
    ['deflate', deflateSync],
    ['deflate', deflateRawSync],
  ])('that %s has made small is not unpacked beyond the bound', (encoding, compress) => {
    const bomb = compress(Buffer.from(`{"error_code":400003,"filler":"${' '.repeat(MAX_LOOK_BYTES)}"}`))
    expect(bomb.length).toBeLessThan(200)

    expect(judgeBody([CODES], JSON_400, bomb, encoding)).toBe(false)
  })

  test.each(['zstd', 'gzip, br', 'compress', 'gzip'])('labelled %s, which it is not', (encoding) => {
    expect(judgeBody([CODES], JSON_400, Buffer.from('{"error_code":400003}'), encoding)).toBe(false)
  })
})
