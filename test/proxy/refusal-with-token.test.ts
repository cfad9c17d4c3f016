import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { ServerResponse } from 'node:http'
import type { Browser } from '../support/browser.ts'
import { startProxiedApp, type ProxiedApp } from '../support/proxied-app.ts'

/** Some servers repeat the token that they refuse. */
describe('a token that the target repeats in an error', () => {
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
    'with status %d does not reach the browser, in the challenge or in the body',
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

  test('does not, where it comes in pieces', async () => {
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

  test('is what the target says where nothing is wrong', async () => {
    const { token, text } = await answered((sent, res) => res.end(sent))
    expect(text).toBe(token)
  })
})
