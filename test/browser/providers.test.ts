import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import type { Browser, BrowserContext, Page } from 'playwright-core'

import { launchChromium, recordComplaints, signInAsAlice } from '../support/chromium.ts'
import { startExampleApp, type ExampleApp } from '../support/example-app.ts'
import { expectUsable } from '../support/usable-page.ts'

jest.setTimeout(60_000)

const WIRE_TAP = new URL('../support/wire-tap.js', import.meta.url).href

interface Visitor {
  readonly context: BrowserContext
  readonly page: Page
  readonly complaints: readonly string[]
}

let chromium: Browser
let app: ExampleApp
/** All that the app has sent to any browser. */
const received: Promise<string>[] = []
beforeAll(async () => {
  ;[chromium, app] = await Promise.all([launchChromium(), startExampleApp({ NODE_OPTIONS: `--import=${WIRE_TAP}` })])
})
afterAll(async () => {
  const ended = await Promise.race([app.exitCode, Promise.resolve('running')])
  // Every test after that would fail with no more than a refused connection.
  const words = app.output().replaceAll(/^SECRET .*\n/gm, '')
  await Promise.all([chromium.close(), app.stop()])
  if (ended !== 'running') throw new Error(`the example app ended before it was told to:\n${words}`)
})

describe.each([
  ['healthkey', 'HealthKey', '?code=', 'code_verifier='],
  ['hcss', 'HCSS', 'client_id=', 'refresh_token='],
  ['the-identity-hub', 'The Identity Hub', 'client_secret=', 'refresh_token='],
  ['privo', 'PRIVO', 'Authorization: Basic …', 'refresh_token='],
  ['dottedsign', 'DottedSign', '"client_secret": "', '"refresh_token": "'],
])('the demo at %s', (key, name, inDocumentation, atRefresh) => {
  let visitor: Visitor
  let page: Page
  beforeAll(async () => {
    visitor = await visit()
    page = visitor.page
  })
  afterAll(() => visitor.context.close())

  test('signs in by its pages, and shows the account', async () => {
    await page.goto(app.url)
    await page.getByRole('link', { name: `Sign in with ${name}` }).click()
    await signInAsAlice(page, new RegExp(`/providers/${key}$`))

    expect(await page.getByRole('heading', { level: 1 }).textContent()).toBe(name)
    expect(await page.getByText(/Signed in since /).count()).toBe(1)
    await page.getByText(/ left$/).waitFor()
    expect(await page.locator('#generation').textContent()).toBe('1')
    await expectUsable(page)
  })

  test('calls its API; 200 calls that find the token expired get 200 answers and cause one refresh', async () => {
    await page.getByRole('button', { name: 'Call its API once' }).click()
    await page.getByText(/^Answer 200 after \d+ ms$/).waitFor()
    const statuses: number[] = []
    page.on('response', (response) => {
      if (response.url().includes('/apis/')) statuses.push(response.status())
    })
    const before = await refreshesAsked()

    await page.getByRole('button', { name: '200 calls on an expired token' }).click()
    const result = page.getByRole('status')
    await result.getByText(/^\d+\sanswers, /).waitFor()

    expect(await result.textContent()).toMatch(/^200\sanswers, 1\srefresh, \d+\sms 200 × status 200$/)
    expect(statuses).toEqual(Array(200).fill(200))
    expect((await refreshesAsked()) - before).toBe(1)
    await page.locator('#generation').getByText('2', { exact: true }).waitFor()
  })

  test('shows what went over the wire, masked, beside the documented form', async () => {
    await page.locator('details[data-purpose="refresh"]').first().waitFor()
    for (const purpose of ['authorization', 'code', 'refresh']) {
      const exchange = page.locator(`details[data-purpose="${purpose}"]`).first()
      if ((await exchange.getAttribute('open')) === null) await exchange.locator('summary').first().click()
      await exchange.getByRole('heading', { name: 'Sent' }).first().waitFor()
      await exchange
        .getByRole('heading', { name: /^Their form (documented|inferred|seen in working code)$/ })
        .first()
        .waitFor()
    }

    const code = await page.locator('details[data-purpose="code"]').first().locator('.column').nth(1).textContent()
    expect(code).toContain(inDocumentation.replace('Basic …', 'Basic '))
    const refresh = await page.locator('details[data-purpose="refresh"] .column').first().textContent()
    expect(refresh).toMatch(new RegExp(`${atRefresh}.{1,4}…`))
    expect(await page.getByText('times', { exact: false }).count()).toBeGreaterThan(0)
    await expectUsable(page)
  })

  test('signs out, there as well where it has a way', async () => {
    await page.getByRole('banner').getByRole('button', { name: 'Sign out' }).click()
    await page.getByRole('heading', { name: 'You are not signed in' }).waitFor()

    expect(page.url()).toBe(`${app.url}/`)
    await page.goto(`${app.url}/providers/${key}`)
    expect(await page.getByText('Sign in to see the requests').isVisible()).toBe(true)
    expect([...new Set(visitor.complaints)]).toEqual([])
  })

  async function refreshesAsked(): Promise<number> {
    const answer = await page.request.get(`${app.url}/providers/${key}/session`)
    return ((await answer.json()) as { refreshesAsked: number }).refreshesAsked
  }
})

test('the others are connected to a session that is there, one after the other, and each can be taken away again', async () => {
  const { context, page, complaints } = await visit()
  await page.goto(`${app.url}/login/demo?returnTo=/profile`)
  await signInAsAlice(page, /\/profile$/)

  for (const name of ['HealthKey', 'DottedSign']) {
    await page.goto(app.url)
    await page.getByRole('link', { name: `Connect ${name}` }).click()
    await signInAsAlice(page, /\/providers\/\w+$/)
    expect(await page.getByText(/Connected since /).count()).toBe(1)
  }
  await page.getByRole('button', { name: 'Disconnect' }).click()
  await page.getByRole('link', { name: 'Connect DottedSign' }).waitFor()

  await page.goto(`${app.url}/profile`)
  const accounts = await page.getByRole('region', { name: 'Your accounts' }).getByRole('listitem').allTextContents()
  expect(accounts.map((account) => account.replaceAll(/\s+/g, ' ').trim())).toEqual([
    expect.stringMatching(/^Demo server Signed in since /),
    expect.stringMatching(/^HealthKey Connected since /),
    expect.stringMatching(/^HCSS Not connected/),
    expect.stringMatching(/^The Identity Hub Not connected/),
    expect.stringMatching(/^PRIVO Not connected/),
    expect.stringMatching(/^DottedSign Not connected/),
  ])
  expect(complaints).toEqual([])
  await context.close()
})

test('no token, code, verifier or secret was in anything that a browser got', async () => {
  const secrets = [...app.output().matchAll(/^SECRET (\S+)$/gm)].map(([, text = '']) => Buffer.from(text, 'base64url').toString('utf8')) // prettier-ignore
  const texts = await Promise.all(received)

  const everything = texts.join('\n')
  expect(secrets.filter((secret) => everything.includes(secret) || everything.includes(encodeURIComponent(secret)))).toEqual([]) // prettier-ignore
  // Of each of seven sign-ins: code, verifier, access token, refresh token; of five, those of a refresh.
  expect(secrets.length).toBeGreaterThan(7 * 3 + 5)
  expect(texts.length).toBeGreaterThan(1_000)
})

async function visit(): Promise<Visitor> {
  const context = await chromium.newContext({ reducedMotion: 'reduce' })
  const page = await context.newPage()
  const complaints = recordComplaints(page)
  page.on('response', (response) => {
    if (new URL(response.url()).origin !== app.url) return
    received.push(
      response.text().then(
        (text) => `${JSON.stringify(response.headers())}\n${text}`,
        () => '', // a redirect has none
      ),
    )
  })
  return { context, page, complaints }
}
