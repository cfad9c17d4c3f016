import { describe, expect, test } from '@jest/globals'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startOpenProgram } from '../support/open-program.ts'

const PROGRAM = `
app.use('/up', auth.proxy(process.env.TARGET, { token: false }))
auth.createServer(app).listen(process.env.SOCKET, () => process.send('listening'))
`

describe('behind a server that connects over a unix socket in HTTP/1.0, as nginx does', () => {
  test('an answer that the target cuts off does not take the process with it', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'latchkey-'))
    const path = join(directory, 'app.sock')
    const target = createServer((_req, res) => {
      res.write('half of an answer')
      setTimeout(() => res.socket?.destroy(), 100)
    })
    await new Promise<void>((resolve) => target.listen(0, '127.0.0.1', resolve))
    const app = startOpenProgram(PROGRAM, {
      TARGET: `http://127.0.0.1:${(target.address() as AddressInfo).port}`,
      SOCKET: path,
    })
    try {
      await app.message()
      const nginx = connect(path, () => nginx.write('GET /up/x HTTP/1.0\r\nHost: app\r\n\r\n'))
      nginx.on('error', () => {}).resume()
      await once(nginx, 'close')
      await new Promise((resolve) => setTimeout(resolve, 300))

      expect([app.child.exitCode, app.stderr]).toEqual([null, ''])
    } finally {
      app.child.kill()
      target.closeAllConnections()
      target.close()
      await rm(directory, { recursive: true })
    }
  })
})
