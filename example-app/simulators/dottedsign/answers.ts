import { jsonAnswer, type Answer, type Header } from '../core/answers.ts'
import type { DottedSignState } from './state.ts'

export const JSON_TYPE: Header = ['Content-Type', 'application/json; charset=utf-8']
const NO_STORE: Header = ['Cache-Control', 'no-store, no-cache']

export function tokenAnswer(members: Readonly<Record<string, unknown>>): Answer {
  return jsonAnswer(200, [JSON_TYPE, NO_STORE], members)
}

export type TokenError =
  'invalid_client' | 'invalid_grant' | 'invalid_request' | 'invalid_scope' | 'unsupported_grant_type'

interface TokenErrorText {
  readonly status: number
  readonly description: string
  /** The vendor's number and message; unknown for what Doorkeeper alone answers. */
  readonly vendor?: { readonly error_code: number; readonly error_message: string }
}

/** The first three digits of `error_code` are not always the HTTP status. */
const TOKEN_ERRORS: Readonly<Record<TokenError, TokenErrorText>> = {
  invalid_grant: {
    status: 400,
    description: 'grant invalid, expired or revoked',
    vendor: { error_code: 401001, error_message: 'invalid grant' },
  },
  invalid_client: {
    status: 401,
    description: 'unknown client or wrong credentials',
    vendor: { error_code: 400005, error_message: 'invalid client' },
  },
  invalid_request: {
    status: 400,
    description: 'required parameter missing',
    vendor: { error_code: 400004, error_message: 'invalid request' },
  },
  invalid_scope: {
    status: 400,
    description: 'scope unknown or malformed',
    vendor: { error_code: 400008, error_message: 'invalid scope' },
  },
  unsupported_grant_type: { status: 400, description: 'grant type not supported' },
}

/** An error of the token endpoint: Doorkeeper's, and the vendor's members with it. */
export function tokenError(state: DottedSignState, error: TokenError, text?: string): Answer {
  const { status, description: usual, vendor } = TOKEN_ERRORS[error]
  const description = text ?? usual
  const headers = [JSON_TYPE, NO_STORE, ...challenge(state, error, description)]
  return jsonAnswer(status, headers, { error, error_description: description, ...vendor })
}

/** Doorkeeper sends it with every error, also with status 400. */
export function challenge({ switches }: DottedSignState, error: string, description: string): readonly Header[] {
  if (!switches.challengeHeader) return []
  return [['WWW-Authenticate', `Bearer realm="Doorkeeper", error="${error}", error_description="${description}"`]]
}

/** An error of the API, in the vendor's envelope. */
export function vendorError(
  status: number,
  code: number,
  key: string,
  message: string,
  headers: readonly Header[] = [],
): Answer {
  return jsonAnswer(status, [...headers, JSON_TYPE], { error_code: code, error_key: key, error_message: message })
}
