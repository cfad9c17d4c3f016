import type { ServerResponse } from 'node:http'
import { gzipSync } from 'node:zlib'
import { json } from '../support/scripted-server.ts'
import { describeUnusableTokenAnswers } from './unusable-token-answer.ts'

const BOMB = gzipSync(Buffer.alloc(60_000_000, ' '))

function bomb(res: ServerResponse): void {
  res.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' }).end(BOMB)
}

function flood(res: ServerResponse): void {
  const more = (): void => {
    while (!res.destroyed && res.write(' '.repeat(65_536)));
  }
  res.writeHead(200, { 'content-type': 'application/json' }).on('drain', more)
  more()
}

describeUnusableTokenAnswers('a token answer that does not end', [
  { what: 'two megabytes of JSON', answer: json({ access_token: 'a'.repeat(2_000_000), token_type: 'Bearer' }) },
  { what: 'sixty megabytes, compressed to sixty kilobytes', answer: bomb },
  { what: 'a stream for ever', answer: flood },
])
