import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { startOpenProxy, type OpenProxy } from '../support/open-proxy.ts'

let site: OpenProxy
beforeAll(async () => {
  site = await startOpenProxy('http://127.0.0.1:9')
})
afterAll(() => site.close())

test('nobody is told that they are still signed in who never was (token: false)', async () => {
  for (const accept of ['application/json', 'text/html']) {
    const answer = await fetch(site.url, { headers: { accept } })

    expect(answer.status).toBe(502)
    expect(await answer.text()).not.toMatch(/still signed in/)
  }
})
