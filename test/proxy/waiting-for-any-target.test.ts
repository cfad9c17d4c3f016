import { afterEach, beforeEach, expect, test } from '@jest/globals'
import type { ServerResponse } from 'node:http'
import { startOpenProxy, type OpenProxy } from '../support/open-proxy.ts'
import { until } from '../support/until.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'

let upstreams: Upstream[]
let site: OpenProxy
const held: { res: ServerResponse; at: Upstream }[] = []
beforeEach(async () => {
  held.length = 0
  upstreams = await Promise.all([startUpstream(), startUpstream()])
  for (const at of upstreams) at.answer((_req, res) => void held.push({ res, at }))
  site = await startOpenProxy(
    upstreams.map(({ url }) => url),
    { connections: 1 },
  )
})
afterEach(async () => {
  await site.close()
  await Promise.all(upstreams.map((one) => one.close()))
})

test('requests that wait because all targets are full take the connection that is free first, whichever target it is', async () => {
  const first = [fetch(`${site.url}/1`), fetch(`${site.url}/2`)]
  await until(() => held.length === 2, 'both targets are full')
  const statuses: number[] = []
  const waiting = [3, 4, 5, 6].map(async (n) => statuses.push((await fetch(`${site.url}/${n}`)).status))
  await until(() => site.requests === 6, 'the others wait')

  // One target hangs, the other one is well again.
  const [hung, well] = [held[0], held[1]]
  well?.at.answer((_req, res) => void res.end())
  well?.res.end()
  const served = await Promise.race([
    Promise.all(waiting).then(() => 'all'),
    new Promise((resolve) => setTimeout(() => resolve(`${statuses.length} of 4`), 1_000)),
  ])

  hung?.res.end()
  hung?.at.answer((_req, res) => void res.end())
  for (const { res } of held) res.end()
  await Promise.all([...first, ...waiting])
  expect(served).toBe('all')
})
