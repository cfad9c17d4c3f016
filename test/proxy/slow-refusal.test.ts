import { expect, test } from '@jest/globals'
import type { ServerResponse } from 'node:http'
import { startProxiedApp } from '../support/proxied-app.ts'
import { answerTo, beginRequest, receive } from '../support/raw-client.ts'
import { EXPIRED, OWN_WORDS } from '../support/refusals.ts'
import { until } from '../support/until.ts'

test('a body that is looked at, and takes longer than that is worth, goes on as it comes', async () => {
  const site = await startProxiedApp({ adapt: { expiredTokenAnswers: OWN_WORDS } })
  const browser = await site.signedIn()
  let open: ServerResponse | undefined
  site.upstream.answer((_req, res) => {
    open = res
    res.writeHead(400, { 'content-type': 'application/json' }).write(EXPIRED.slice(0, 9))
  })
  const outgoing = beginRequest(browser, `${site.proxied}/x`)
  outgoing.end()
  let status: number | undefined
  const answered = answerTo(outgoing).then((answer) => {
    status = answer.statusCode
    return answer
  })

  await until(() => {
    site.clock.advance({ ms: 500 })
    return status !== undefined
  }, 'the answer')

  expect(status).toBe(400)
  open?.end(EXPIRED.slice(9))
  expect(await receive(await answered)).toEqual({ text: EXPIRED, end: 'complete' })
  expect(site.authorizationServer.tokenRequests('refresh_token')).toHaveLength(0)
  await site.close()
})
