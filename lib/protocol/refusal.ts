import { brotliDecompressSync, gunzipSync, inflateRawSync, inflateSync, type ZlibOptions } from 'node:zlib'
import type { AnswerPattern } from '../providers/provider.ts'
import { fitsBody, fitsStatus } from './answer-pattern.ts'

/** How much of a body is looked at, as it comes and decompressed. Bytes. */
export const MAX_LOOK_BYTES = 8_192

/** For so long: whoever waits for the answer waits as well. Milliseconds. */
export const MAX_LOOK_MS = 2_000

/** An answer of an API before its body. */
export interface AnswerHead {
  readonly status: number
  /** A header's value by its name in lower case. */
  header(name: string): string | undefined
}

/** `look`: the body decides. */
export type Verdict = 'refused' | 'other' | 'look'

const JSON_TYPE = /^application\/(?:[^\s;,/]+\+)?json\s*(?:;|$)/i

/**
 * Does the answer say that the access token is not good any more, as far as its head shows?
 *
 * A pattern without a status is about 4xx, and never about 429: an API that says "not so fast" must not be answered with a token request
 * for each of its refusals.
 */
export function judgeHead(patterns: readonly AnswerPattern[], head: AnswerHead): Verdict {
  const candidates = patterns.filter((pattern) => isAbout(pattern, head.status))
  if (candidates.length === 0) return 'other'
  if (candidates.some(({ member }) => member === undefined)) return 'refused'
  return isSmallJson(head) ? 'look' : 'other'
}

/**
 * The same from the whole body, where the head left it open.
 *
 * @param encoding `Content-Encoding` of these bytes, if it has not been undone.
 */
export function judgeBody(
  patterns: readonly AnswerPattern[],
  { status }: AnswerHead,
  bytes: Uint8Array,
  encoding: string | undefined,
): boolean {
  const body = parse(bytes, encoding)
  return patterns.some((pattern) => isAbout(pattern, status) && fitsBody(pattern, body))
}

function isAbout(pattern: AnswerPattern, actual: number): boolean {
  if (pattern.status !== undefined) return fitsStatus(pattern, actual)
  return actual >= 400 && actual < 500 && actual !== 429
}

function isSmallJson(head: AnswerHead): boolean {
  const length = head.header('content-length')
  return JSON_TYPE.test(head.header('content-type') ?? '') && !(Number(length ?? 0) > MAX_LOOK_BYTES)
}

function parse(bytes: Uint8Array, encoding: string | undefined): unknown {
  try {
    const plain = decompress(bytes, encoding)
    return plain === undefined ? undefined : JSON.parse(new TextDecoder().decode(plain))
  } catch {
    return undefined
  }
}

/** @throws if it is no such thing, or longer than what is looked at. */
function decompress(bytes: Uint8Array, encoding = ''): Uint8Array | undefined {
  const bound: ZlibOptions = { maxOutputLength: MAX_LOOK_BYTES }
  switch (encoding.trim().toLowerCase()) {
    case '':
    case 'identity':
      return bytes
    case 'gzip':
    case 'x-gzip':
      return gunzipSync(bytes, bound)
    case 'br':
      return brotliDecompressSync(bytes, bound)
    case 'deflate':
      // With the zlib frame (RFC 9110 §8.4.1.2), or, as many servers have it, without: its first byte tells (RFC 1950 §2.2).
      return ((bytes[0] ?? 0) & 0x0f) === 8 ? inflateSync(bytes, bound) : inflateRawSync(bytes, bound)
    default:
      return undefined
  }
}
