import type { ServerResponse } from 'node:http'
import { describeUnusableTokenAnswers } from './unusable-token-answer.ts'

function drip(res: ServerResponse): void {
  res.writeHead(200, { 'content-type': 'application/json' })
  const timer = setInterval(() => res.write(' '), 20)
  res.once('close', () => clearInterval(timer))
}

describeUnusableTokenAnswers('a token answer that takes for ever', [
  { what: 'no answer', answer: () => {} },
  {
    what: 'headers and nothing more',
    answer: (res) => res.writeHead(200, { 'content-type': 'application/json' }).flushHeaders(),
  },
  { what: 'a byte now and then', answer: drip },
])
