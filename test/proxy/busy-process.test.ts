import { expect, test } from '@jest/globals'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { startOpenProxy } from '../support/open-proxy.ts'

const TARGET = `
  const server = require('node:http').createServer((req, res) => setTimeout(() => res.end('here'), 50))
  server.listen(0, '127.0.0.1', () => console.log(server.address().port))`

const CLIENT = `
  const [proxied, busy] = process.argv.slice(1)
  fetch(proxied).then(async (answer) => console.log(answer.status, await answer.text()))
  setTimeout(() => fetch(busy), 20) // by then the first request has gone out`

// Both in processes of their own, which go on while this one stands still.
test('an answer that came in time is given, though the process was too busy to read it', async () => {
  const target = run(TARGET)
  const port = Number(await firstWords(target))
  const site = await startOpenProxy(`http://127.0.0.1:${port}`, { headersTimeoutMs: 300 }, (app) => {
    app.get('/busy', (_req, res) => {
      const end = performance.now() + 600
      while (performance.now() < end); // what an application should not do
      res.end()
    })
  })
  await (await fetch(site.url)).text() // from here on there is a connection to send over

  const client = run(CLIENT, site.url, new URL('/busy', site.url).href)

  expect(await firstWords(client)).toBe('200 here\n')
  target.kill()
  await site.close()
})

function run(script: string, ...args: string[]): ChildProcess {
  return spawn(process.execPath, ['-e', script, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
}

async function firstWords({ stdout }: ChildProcess): Promise<string> {
  if (stdout === null) throw new Error('it has no output')
  const [bytes] = (await once(stdout, 'data')) as [Buffer]
  return bytes.toString()
}
