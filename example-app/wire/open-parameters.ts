/**
 * Parameters whose values are no secret. Whatever is not named here is masked: a new provider's parameters are more likely to be forgotten
 * than to be harmless.
 */
const OPEN = new Set([
  'client_id', 'code_challenge_method', 'created_at', 'error', 'error_code', 'error_key', 'expires_in', 'grant_type', 'page', 'per_page',
  'post_logout_redirect_uri', 'prompt', 'redirect_uri', 'response_mode', 'response_type', 'scope', 'token_type', 'token_type_hint',
]) // prettier-ignore

/** Sentences, which some servers put the refused token into. */
const SENTENCES = new Set(['detail', 'error_description', 'error_message', 'message', 'title'])

export function isOpen(name: string): boolean {
  return OPEN.has(name.toLowerCase())
}

export function isSentence(name: string): boolean {
  return SENTENCES.has(name.toLowerCase())
}
