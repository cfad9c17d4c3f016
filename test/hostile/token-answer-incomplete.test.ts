import { json, type Answer } from '../support/scripted-server.ts'
import { describeUnusableTokenAnswers, MISCONFIGURED } from './unusable-token-answer.ts'

const UNTRUSTED = { status: 502, code: 'ERR_AUTH_UNTRUSTED' }

function tokens(changed: Record<string, unknown>): Answer {
  return json({ access_token: 'a', token_type: 'Bearer', expires_in: 60, ...changed })
}

describeUnusableTokenAnswers('a token answer with an access token that is none (RFC 6749 §5.1, appendix A.12)', [
  { what: 'absent', answer: tokens({ access_token: undefined }), atCallback: UNTRUSTED },
  { what: 'empty', answer: tokens({ access_token: '' }), atCallback: UNTRUSTED },
  { what: 'null', answer: tokens({ access_token: null }), atCallback: UNTRUSTED },
  { what: 'a number', answer: tokens({ access_token: 7 }), atCallback: UNTRUSTED },
  { what: 'a list', answer: tokens({ access_token: ['a'] }), atCallback: UNTRUSTED },
  {
    what: 'with a line break, which would start another header',
    answer: tokens({ access_token: 'a\r\nx-admin: 1' }),
    atCallback: UNTRUSTED,
  },
  { what: 'that no header can carry', answer: tokens({ access_token: '\u{1f511}' }), atCallback: UNTRUSTED },
  {
    what: 'of a type we cannot use',
    answer: tokens({ token_type: 'mac' }),
    atCallback: UNTRUSTED,
    atRefresh: MISCONFIGURED,
  },
])
