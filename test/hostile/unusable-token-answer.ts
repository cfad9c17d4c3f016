import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Answer } from '../support/scripted-server.ts'
import { startScriptedSite, type ScriptedSite } from '../support/scripted-site.ts'

export interface UnusableTokenAnswer {
  readonly what: string
  readonly answer: Answer
  /** What the person at the callback gets. Default: try again later. */
  readonly atCallback?: ErrorAnswer
  /** What a request that needs a token gets. Default: try again later. */
  readonly atRefresh?: ErrorAnswer
}

export interface ErrorAnswer {
  readonly status: number
  readonly code: string
}

const TRY_LATER: ErrorAnswer = { status: 503, code: 'ERR_AUTH_UNAVAILABLE' }

/** Whoever set it up has to look: there is no token endpoint, or none that we can use. */
export const MISCONFIGURED: ErrorAnswer = { status: 502, code: 'ERR_AUTH_MISCONFIGURED' }

/** Whatever the token endpoint answers: nobody is signed in by it, nobody signed out, and once it is honest again all is well. */
export function describeUnusableTokenAnswers(title: string, answers: readonly UnusableTokenAnswer[]): void {
  describe(`at the token endpoint: ${title}`, () => {
    let site: ScriptedSite
    beforeAll(async () => {
      site = await startScriptedSite({ options: { timeoutMs: 250, refresh: { deadlineMs: 250, leaseMs: 320 } } })
    })
    afterAll(async () => {
      await site.close()
    })

    test.each(answers)(
      '$what at the callback: an error page, nobody is signed in, the next attempt works',
      async (unusable) => {
        const { status, code } = unusable.atCallback ?? TRY_LATER
        const browser = site.browser()
        site.server.script = { tokenGateway: unusable.answer }

        const page = await site.signIn(browser)

        expect(page.status).toBe(status)
        expect(page.text).toContain(code)
        expect(page.headers.has('retry-after')).toBe(status === 503)
        expect((await site.me(browser)).status).toBe(401)

        site.server.script = {}
        expect((await site.signIn(browser)).status).toBe(200)
      },
    )

    test.each(answers)(
      '$what at a refresh: the session is kept, and it recovers by itself',
      async ({ answer, atRefresh = TRY_LATER }) => {
        const browser = await site.signedIn()
        site.expireAccessToken()
        site.server.script = { tokenGateway: answer }

        const refused = await site.use(browser)

        expect(refused.status).toBe(atRefresh.status)
        expect(refused.headers.get('retry-after') ?? '').toMatch(atRefresh.status === 503 ? /^[1-9]\d*$/ : /^$/)
        expect(refused.json()).toMatchObject({ code: atRefresh.code })
        expect((await site.me(browser)).status).toBe(200)

        site.server.script = {}
        site.clock.advance({ seconds: 2 })
        expect((await site.use(browser)).status).toBe(200)
      },
    )
  })
}
