import { json } from '../support/scripted-server.ts'
import { describeUnusableTokenAnswers } from './unusable-token-answer.ts'

describeUnusableTokenAnswers('a token answer without a body', [
  { what: '200 and nothing', answer: (res) => res.writeHead(200).end() },
  { what: '200, said to be JSON', answer: json('') },
  { what: '204', answer: (res) => res.writeHead(204).end() },
  { what: '500', answer: (res) => res.writeHead(500).end() },
  { what: '400', answer: (res) => res.writeHead(400).end() },
])
