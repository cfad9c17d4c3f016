import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import type { Browser, BrowserContext, Page, Response } from 'playwright-core'

import { launchChromium, recordComplaints, signInAsAlice } from '../support/chromium.ts'
import { startExampleApp, type ExampleApp } from '../support/example-app.ts'
import { expectUsable } from '../support/usable-page.ts'

jest.setTimeout(60_000)

interface Explorer {
  readonly app: ExampleApp
  readonly page: Page
  readonly complaints: readonly string[]
}

let chromium: Browser
let explorer: Explorer
beforeAll(async () => {
  chromium = await launchChromium()
  // First, so that its token expires while other tests run.
  explorer = await signInToExplorer()
})
afterAll(async () => {
  await chromium.close()
})

describe('the demo in a real browser', () => {
  let app: ExampleApp
  let context: BrowserContext
  let page: Page
  let complaints: readonly string[]

  beforeAll(async () => {
    app = await startExampleApp({ DEMO_TOKEN_SECONDS: '3' })
    context = await chromium.newContext()
    page = await context.newPage()
    complaints = recordComplaints(page)
  })
  afterAll(async () => {
    await context.close()
    await app.stop()
  })

  test('signs in by the pages of the authorization server, and shows the claims and the token as it lives', async () => {
    await page.goto(app.url)
    await expectUsable(page)

    await page.getByRole('link', { name: 'Sign in with Demo server' }).click()
    expect(new URL(page.url()).hostname).not.toBe(new URL(app.url).hostname)
    await signInAsAlice(page, /\/providers\/demo$/)
    await page.getByRole('link', { name: 'Profile' }).click()

    expect(await page.getByRole('heading', { level: 1 }).textContent()).toBe('Alice Liddell')
    expect(await page.getByRole('row', { name: /^email / }).textContent()).toContain('alice@example.com')
    await expectUsable(page)
    // The token of the sign-in may have expired by now.
    await page.getByRole('button', { name: 'Call the API' }).click()
    await page.getByText('seconds left').waitFor()
    await page.getByText('expired', { exact: true }).waitFor()
  })

  test('calls the API past several lives of the access token, and nobody notices', async () => {
    const statuses: number[] = []
    const record = (response: Response): void => {
      if (response.url().endsWith('/apis/demo/orders')) statuses.push(response.status())
    }
    page.on('response', record)

    await page.getByLabel('every second').check()
    const seen = page.locator('#timeline time')
    await seen.nth((await seen.count()) + 2).waitFor()
    await page.getByLabel('every second').uncheck()
    page.off('response', record)

    expect(await page.locator('#refreshes').textContent()).toMatch(/^[3-9]$/)
    expect(statuses.length).toBeGreaterThanOrEqual(6)
    expect(new Set(statuses)).toEqual(new Set([200]))
  })

  test('says so on the page when the session is gone', async () => {
    const cookies = await context.cookies(app.url)
    const [other] = await Promise.all([context.newPage(), context.clearCookies({ name: 'latchkey' })])
    await page.getByRole('link', { name: 'Sign in again' }).waitFor()
    await context.addCookies(cookies)
    await other.close()

    await page.reload()
    expect(await page.getByRole('heading', { level: 1 }).textContent()).toBe('Alice Liddell')
  })

  test('signs out here, and then at the authorization server, which asks for the password next time', async () => {
    await page.getByRole('banner').getByRole('button', { name: 'Sign out' }).click()
    await page.getByRole('button', { name: 'Sign out' }).click()

    await page.getByRole('heading', { name: 'You are not signed in' }).waitFor()
    expect(page.url()).toBe(`${app.url}/`)
    await page.goto(`${app.url}/login/demo?returnTo=/profile`)
    expect(await page.getByLabel('Password').isVisible()).toBe(true)
  })

  test('is signed out of when the end-user signs out at the authorization server itself', async () => {
    const issuer = new URL(page.url()).origin
    await signInAsAlice(page, /\/profile$/)

    await page.goto(`${issuer}/session/end`)
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByText('You are signed out').waitFor()

    await page.goto(app.url)
    await page.getByRole('heading', { name: 'You are not signed in' }).waitFor()
    expect(page.url()).toBe(`${app.url}/`)
  })

  test('had nothing to complain of, such as a blocked script', () => {
    expect(complaints).toEqual([])
  })
})

describe('the API explorer', () => {
  let app: ExampleApp
  let page: Page
  beforeAll(() => {
    ;({ app, page } = explorer)
  })
  afterAll(async () => {
    await page.close()
    await app.stop()
  })

  test('200 calls at an expired token get 200 answers and cause one refresh', async () => {
    const statuses: number[] = []
    page.on('response', (response) => {
      if (response.url().endsWith('/api/orders')) statuses.push(response.status())
    })
    const before = await generation()

    await page.getByLabel('Wait until the access token has expired first').check()
    await page.getByRole('button', { name: '200 calls' }).click()
    const summary = page.getByRole('status')
    await summary.getByText(/^\d+\sanswers, /).waitFor()

    expect(await summary.textContent()).toMatch(/^200\sanswers, 1\srefresh, \d+\sms 200 × status 200$/)
    expect(await generation()).toBe(before + 1)
    expect(statuses).toEqual(Array(200).fill(200))
  })

  test('draws them: a bar for each, a line for the refresh, and the same in words and as a table', async () => {
    const picture = page.getByRole('img', { name: /time axis/ })

    expect(await picture.locator('rect.ok').count()).toBe(200)
    expect(await picture.locator('line.refresh').count()).toBe(1)
    expect(await picture.locator('desc').textContent()).toMatch(/^200\sanswers, 1\srefresh/)
    await page.getByText('The same as a table').click()
    expect(await page.getByRole('row').count()).toBe(201)
  })

  test('works from the keyboard', async () => {
    await page.getByLabel('Wait until').focus()
    await page.keyboard.press('Space')
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')

    await page
      .getByRole('status')
      .getByText(/^1\sanswer, \d\srefresh(es)?, \d+\sms$/)
      .waitFor()
    await expectUsable(page)
  })

  test('shows an answer that is no success as what it is', async () => {
    await page.getByLabel('Path at the API').fill('nothing-there')
    await page.getByRole('button', { name: '10 calls' }).click()
    await page.getByText('10 × status 404').waitFor()

    expect(await page.locator('rect.refused').count()).toBe(10)
  })

  test('had nothing to complain of but the 404s', () => {
    expect(explorer.complaints.filter((complaint) => !complaint.includes('status of 404'))).toEqual([])
  })

  async function generation(): Promise<number> {
    const session = (await (await page.request.get(`${app.url}/session`)).json()) as { token: { generation: number } }
    return session.token.generation
  }
})

async function signInToExplorer(): Promise<Explorer> {
  // Longer than 200 calls take on a busy machine, so that no second refresh is due meanwhile.
  const app = await startExampleApp({ DEMO_TOKEN_SECONDS: '15' })
  const page = await chromium.newPage({ reducedMotion: 'reduce' })
  const complaints = recordComplaints(page)
  await page.goto(`${app.url}/login/demo?returnTo=/explorer`)
  await signInAsAlice(page, /\/explorer$/)
  return { app, page, complaints }
}
