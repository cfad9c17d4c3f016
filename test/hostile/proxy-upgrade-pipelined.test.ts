import { expect, test } from '@jest/globals'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'

const PROGRAM = `
import express from 'express'
import { latchkey } from './lib/index.ts'
import { oidc } from './lib/providers/index.ts'
const auth = latchkey({ baseUrl: 'https://app.example', provider: oidc({ issuer: 'https://id.example', clientId: 'c' }), secret: 'a secret for tests, and for tests alone' })
const app = express()
app.get('/slow', (_req, res) => void setTimeout(() => res.end('slow'), 200))
const server = auth.createServer(app).listen(0, '127.0.0.1', () => console.log(server.address().port))
`

test('an upgrade that is pipelined behind a request under way does not end the process', async () => {
  const app = spawn(process.execPath, [
    '--import',
    './test/support/typescript-loader.js',
    '--input-type=module',
    '--eval',
    PROGRAM,
  ])
  let stderr = ''
  app.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  try {
    const [port] = (await once(app.stdout, 'data')) as [Buffer]
    const client = connect(Number(port.toString()), '127.0.0.1')
    client.on('error', () => {}).resume()
    client.write(
      'GET /slow HTTP/1.1\r\nHost: a\r\n\r\nGET /x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
    )
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    client.destroy()

    expect([app.exitCode, stderr]).toEqual([null, ''])
  } finally {
    app.kill()
  }
})
