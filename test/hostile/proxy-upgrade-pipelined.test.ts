import { expect, test } from '@jest/globals'
import { connect } from 'node:net'
import { startOpenProgram } from '../support/open-program.ts'

const PROGRAM = `
app.get('/slow', (_req, res) => void setTimeout(() => res.end('slow'), 200))
const server = auth.createServer(app).listen(0, () => process.send(server.address().port))
`

test('an upgrade that is pipelined behind a request under way does not end the process', async () => {
  const app = startOpenProgram(PROGRAM)
  try {
    const client = connect(await app.message<number>(), '127.0.0.1')
    client.on('error', () => {}).resume()
    client.write(
      'GET /slow HTTP/1.1\r\nHost: a\r\n\r\nGET /x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
    )
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    client.destroy()

    expect([app.child.exitCode, app.stderr]).toEqual([null, ''])
  } finally {
    app.child.kill()
  }
})
