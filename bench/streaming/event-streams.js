import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:http'

/** Opens event streams, one after the other, as a page of the application's origin does. @returns how long the first event of each took. */
export async function firstEvents(url, count) {
  const ms = []
  for (let n = 0; n < count; n += 1) ms.push(await firstEvent(url))
  return ms
}

async function firstEvent(url) {
  const begunAt = performance.now()
  const headers = { accept: 'text/event-stream', 'sec-fetch-site': 'same-origin' }
  const sent = request(url, { headers, agent: false }).end()
  const [response] = await once(sent, 'response')
  assert.equal(response.statusCode, 200, `event stream: status ${response.statusCode}`)
  const [chunk] = await once(response, 'data')
  const ms = performance.now() - begunAt
  response.destroy()
  assert.match(chunk.toString(), /^data: 0\n\n/, 'the first event was changed on its way')
  return ms
}
