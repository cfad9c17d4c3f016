import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Browser } from '../support/browser.ts'
import { startProxiedApp, type ProxiedApp } from '../support/proxied-app.ts'
import { answerTo, beginRequest, receive } from '../support/raw-client.ts'

/** Some servers repeat the token, those above all that refuse it. */
describe('a token that the target repeats', () => {
  let site: ProxiedApp
  let browser: Browser
  beforeAll(async () => {
    site = await startProxiedApp()
    browser = await site.signedIn()
  })
  afterAll(async () => {
    await site.close()
  })

  /** @returns what the browser gets, and the token that went to the target. */
  async function answered(
    respond: (token: string, res: ServerResponse) => void,
  ): Promise<{ token: string; text: string; challenge: string; length: string }> {
    const tokens: string[] = []
    site.upstream.answer((req, res) => {
      const token = req.headers.authorization?.slice('Bearer '.length) ?? ''
      tokens.push(token)
      respond(token, res)
    })
    const answer = await browser.get(`${site.proxied}/orders`)
    const { 'www-authenticate': challenge = '', 'content-length': length = '' } = Object.fromEntries(answer.headers)
    return { token: tokens.at(-1) ?? '', text: answer.text, challenge, length }
  }

  test.each([400, 403, 500])(
    'in an error, with status %d, does not reach the browser, in the challenge or in the body',
    async (status) => {
      const { token, text, challenge, length } = await answered((sent, res) => {
        const body = JSON.stringify({ error_description: `Invalid access token: ${sent}`, again: sent })
        res
          .writeHead(status, {
            'content-type': 'application/json',
            'content-length': Buffer.byteLength(body),
            'www-authenticate': `Bearer error="invalid_token", error_description="${sent}"`,
          })
          .end(body)
      })

      expect(token).not.toBe('')
      const stars = '*'.repeat(token.length)
      expect(JSON.parse(text)).toEqual({ error_description: `Invalid access token: ${stars}`, again: stars })
      expect(challenge).toBe(`Bearer error="invalid_token", error_description="${stars}"`)
      expect(length).toBe(String(Buffer.byteLength(text)))
    },
  )

  test('in an error does not, where it comes in pieces', async () => {
    const { token, text } = await answered((sent, res) => {
      res.writeHead(500, { 'content-type': 'text/plain' })
      res.write(`a ${sent.slice(0, 5)}`)
      setImmediate(() => {
        res.write(sent.slice(5, 9))
        setImmediate(() => res.end(`${sent.slice(9)} z ${sent.slice(0, 4)}`))
      })
    })

    expect(text).toBe(`a ${'*'.repeat(token.length)} z ${token.slice(0, 4)}`)
  })

  test('may begin at the end of one that comes in one piece', async () => {
    const { token, text } = await answered((sent, res) => {
      res.writeHead(500, { 'content-type': 'text/plain' }).end(`it was ${sent.slice(0, 4)}`)
    })

    expect(text).toBe(`it was ${token.slice(0, 4)}`)
  })

  test.each([200, 302])('in a header does not, with status %d', async (status) => {
    const { token, challenge } = await answered((sent, res) => {
      res.writeHead(status, { 'www-authenticate': `x="${sent}"` }).end()
    })
    expect(challenge).toBe(`x="${'*'.repeat(token.length)}"`)
  })

  test('in an early hint does not', async () => {
    site.upstream.answer((req, res) => {
      const token = req.headers.authorization?.slice('Bearer '.length) ?? ''
      res.writeEarlyHints({ link: `</style.css?${token}>; rel=preload` })
      setImmediate(() => res.end())
    })
    const asked = beginRequest(browser, `${site.proxied}/orders`).end()
    const answer = answerTo(asked)
    const [hints] = (await once(asked, 'information')) as [{ headers: IncomingMessage['headers'] }]
    await receive(await answer)

    expect(hints.headers['link']).toMatch(/^<\/style\.css\?\*+>; rel=preload$/)
  })

  test('in a redirect does not go on to where that leads', async () => {
    site.upstream.answer((req, res) => {
      const token = req.headers.authorization?.slice('Bearer '.length) ?? ''
      res.writeHead(302, { location: `https://elsewhere.example/?access_token=${token}` }).end()
    })
    const answer = await browser.get(`${site.proxied}/orders`)

    expect(answer.headers.get('location')).toMatch(/^https:\/\/elsewhere\.example\/\?access_token=\*+$/)
  })

  test('in the body is what the target says, where nothing is wrong', async () => {
    const { token, text } = await answered((sent, res) => res.end(sent))
    expect(text).toBe(token)
  })
})
