import { afterAll, beforeAll, describe, test } from '@jest/globals'
import type { Browser } from '../support/browser.ts'
import { expectRefused, LOGOUT_EVENT, logoutToken, signedInWith } from '../support/logout-tokens.ts'
import { startScriptedSite, type ScriptedSite } from '../support/scripted-site.ts'

describe('a JWT that does not say that it is about a logout', () => {
  let site: ScriptedSite
  let browser: Browser
  beforeAll(async () => {
    site = await startScriptedSite()
    browser = await signedInWith(site)
  })
  afterAll(async () => {
    await site.close()
  })

  test.each<[string, Record<string, unknown>]>([
    ['no "events"', { events: undefined }],
    ['null', { events: null }],
    ['a text', { events: LOGOUT_EVENT }],
    ['a list', { events: [LOGOUT_EVENT] }],
    ['empty', { events: {} }],
    ['another event', { events: { 'http://schemas.openid.net/event/frontchannel-logout': {} } }],
    ['the event is true', { events: { [LOGOUT_EVENT]: true } }],
    ['the event is null', { events: { [LOGOUT_EVENT]: null } }],
    ['the event is a list', { events: { [LOGOUT_EVENT]: [] } }],
  ])('%s: refused, and nobody is signed out', async (_what, changed) => {
    await expectRefused(site, browser, await logoutToken(site, changed), 'events')
  })
})
