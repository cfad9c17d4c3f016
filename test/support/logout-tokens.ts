import { randomUUID } from 'node:crypto'
import { expect } from '@jest/globals'
import type { JWTPayload } from 'jose'
import type { LogoutTokenFlaw } from '../../lib/index.ts'
import type { Browser } from './browser.ts'
import { CLIENT_ID } from './app.ts'
import { SUBJECT, type Signing } from './scripted-server.ts'
import type { ScriptedSite } from './scripted-site.ts'

export const LOGOUT_EVENT = 'http://schemas.openid.net/event/backchannel-logout'

/** The session at the server that everybody here signs in with, unless told otherwise. */
export const SID = 'the-session-at-the-server'

/** Signs in at a server that names its sessions. */
export async function signedInWith(
  site: ScriptedSite,
  claims: Readonly<Record<string, unknown>> = { sid: SID },
): Promise<Browser> {
  const { script } = site.server
  site.server.script = { claims }
  const browser = site.browser()
  const page = await site.signIn(browser)
  if (page.status !== 200) throw new Error(`the sign-in ended with ${page.status}`)
  site.server.script = script
  return browser
}

/** What an honest logout token says (OpenID Connect Back-Channel Logout 1.0 §2.4), by the application's clock. */
export function logoutClaims(site: ScriptedSite, changed: Readonly<Record<string, unknown>> = {}): JWTPayload {
  const now = Math.floor(site.clock.now() / 1_000)
  const claims = {
    iss: site.server.issuer,
    aud: CLIENT_ID,
    iat: now,
    exp: now + 120,
    jti: randomUUID(),
    sub: SUBJECT,
    sid: SID,
    events: { [LOGOUT_EVENT]: {} },
    ...changed,
  }
  return Object.fromEntries(Object.entries(claims).filter(([, value]) => value !== undefined))
}

/** @param changed claims that differ; `undefined` takes one out. */
export async function logoutToken(
  site: ScriptedSite,
  changed: Readonly<Record<string, unknown>> = {},
  signing: Signing = {},
): Promise<string> {
  return site.server.sign(logoutClaims(site, changed), { typ: 'logout+jwt', ...signing })
}

/** As the server does: no cookie, no browser's headers. */
export async function sendLogoutToken({ url }: Pick<ScriptedSite, 'url'>, token: string): Promise<Response> {
  return fetch(`${url}/backchannel-logout`, { method: 'POST', body: new URLSearchParams({ logout_token: token }) })
}

/** The answer is the specification's 400 (§2.8), nobody got a session or lost one, and the operator is told why, without the token. */
export async function expectRefused(
  site: ScriptedSite,
  browser: Browser,
  token: string,
  flaw: LogoutTokenFlaw,
): Promise<void> {
  const told = site.events.length
  const answer = await sendLogoutToken(site, token)

  expectBadRequest(answer)
  expect(await answer.json()).toEqual({ error: 'invalid_request', error_description: expect.any(String) })
  const events = site.events.slice(told)
  expect(events).toEqual([{ type: 'logout-token-refused', provider: 'main', flaw }])
  expect((await site.me(browser)).status).toBe(200)
}

export function expectBadRequest(answer: Response): void {
  expect(answer.status).toBe(400)
  expect(answer.headers.get('content-type')).toMatch(/^application\/json/)
  expect(answer.headers.get('cache-control')).toBe('no-store')
  expect(answer.headers.getSetCookie()).toEqual([])
}
