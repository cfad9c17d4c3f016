import { expect, test } from '@jest/globals'
import { spawn } from 'node:child_process'
import { once } from 'node:events'

const PROGRAM = `
import express from 'express'
import { latchkey } from './lib/index.ts'
import { oidc } from './lib/providers/index.ts'
const auth = latchkey({ baseUrl: 'https://app.example', provider: oidc({ issuer: 'https://id.example', clientId: 'c' }), secret: 'a secret for tests, and for tests alone' })
const app = express()
const rewrite = async () => { throw new Error('the database is away') }
app.use('/up', auth.proxy('http://127.0.0.1:9', { token: false, rewrite }))
const server = auth.createServer(app).listen(0, async () => {
  const answer = await fetch('http://127.0.0.1:' + server.address().port + '/up/x')
  console.log(answer.status)
  setTimeout(() => process.exit(0), 100)
})
`

test('a "rewrite" that is asynchronous, and fails, is an error of that request alone', async () => {
  const app = spawn(process.execPath, [
    '--import',
    './test/support/typescript-loader.js',
    '--input-type=module',
    '--eval',
    PROGRAM,
  ])
  let [stdout, stderr] = ['', '']
  app.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
  app.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  const [code] = (await once(app, 'exit')) as [number]

  expect([code, stdout, stderr]).toEqual([0, '500\n', ''])
})
