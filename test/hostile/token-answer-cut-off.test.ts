import { json, type Answer } from '../support/scripted-server.ts'
import { describeUnusableTokenAnswers } from './unusable-token-answer.ts'

function cutOff(headers: Readonly<Record<string, string>>): Answer {
  return (res) => {
    res.writeHead(200, { 'content-type': 'application/json', ...headers })
    res.write('{"access_token":"a",', () => res.socket?.destroy())
  }
}

describeUnusableTokenAnswers('a token answer that is cut off', [
  { what: 'before its first byte', answer: (res) => void res.socket?.destroy() },
  { what: 'in the middle of the announced length', answer: cutOff({ 'content-length': '500' }) },
  { what: 'in the middle of a chunked body', answer: cutOff({ 'transfer-encoding': 'chunked' }) },
  { what: 'JSON that stops in the middle', answer: json('{"access_token":"a","token_ty') },
])
