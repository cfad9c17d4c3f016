import { expect, test } from '@jest/globals'
import { once } from 'node:events'
import { startOpenProgram } from '../support/open-program.ts'

const PROGRAM = `
const rewrite = async () => { throw new Error('the database is away') }
app.use('/up', auth.proxy('http://127.0.0.1:9', { token: false, rewrite }))
const server = auth.createServer(app).listen(0, async () => {
  const answer = await fetch('http://127.0.0.1:' + server.address().port + '/up/x')
  console.log(answer.status)
  setTimeout(() => process.exit(0), 100)
})
`

test('a "rewrite" that is asynchronous, and fails, is an error of that request alone', async () => {
  const app = startOpenProgram(PROGRAM)
  const [code] = (await once(app.child, 'exit')) as [number]

  expect([code, app.stdout, app.stderr]).toEqual([0, '500\n', ''])
})
