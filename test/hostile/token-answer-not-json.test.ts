import { json } from '../support/scripted-server.ts'
import { describeUnusableTokenAnswers } from './unusable-token-answer.ts'

const UNTRUSTED = { status: 502, code: 'ERR_AUTH_UNTRUSTED' }

describeUnusableTokenAnswers('a token answer that is not the JSON it should be', [
  { what: 'not JSON', answer: json('access denied') },
  { what: 'a form, as before the standard', answer: json('access_token=a&token_type=bearer') },
  { what: 'JavaScript in it', answer: json("{access_token:'a'}") },
  { what: 'null', answer: json('null'), atCallback: UNTRUSTED },
  { what: 'a list', answer: json('[]'), atCallback: UNTRUSTED },
  { what: 'a text', answer: json('"access_token"'), atCallback: UNTRUSTED },
  { what: 'a number', answer: json('42'), atCallback: UNTRUSTED },
  { what: 'an empty object', answer: json({}), atCallback: UNTRUSTED },
])
