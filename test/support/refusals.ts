import type { AnswerPattern } from '../../lib/providers/provider.ts'

/** 401, or HTTP 400 with a code of the provider's own, as some document it. */
export const OWN_WORDS: readonly AnswerPattern[] = [
  { status: 401 },
  { status: 400, member: 'error_code', values: [400_002, 400_003, 401_001] },
]

/** An expired token in such words. */
export const EXPIRED = '{"error_code":400003,"error_key":"invalid_member","error_message":"invalid member"}'

/** What is wrong with the request, by the same API. */
export const INVALID = '{"error_code":400417,"error_key":"invalid_params","error_message":"invalid params"}'
