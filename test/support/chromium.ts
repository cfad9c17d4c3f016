import { chromium, type Browser, type Page } from 'playwright-core'

/** `npm test` says where Chromium is. */
export async function launchChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--headless=new',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
}

/** What a page complained of: errors of scripts, blocked content, failed requests. */
export function recordComplaints(page: Page): readonly string[] {
  const complaints: string[] = []
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(`${page.url()}: ${message.text()}`)
  })
  return complaints
}

/** Goes through the authorization server's pages as a person would, as many of them as appear, until `goal` is reached. */
export async function signInAsAlice(page: Page, goal: RegExp): Promise<void> {
  const password = page.getByLabel('Password')
  const allow = page.getByRole('button', { name: 'Allow' })
  const arrived = page.waitForURL(goal).then(() => 'arrived' as const)
  arrived.catch(() => {}) // thrown by the race below
  for (;;) {
    const seen = await Promise.race([
      arrived,
      password.waitFor().then(() => 'password' as const),
      allow.waitFor().then(() => 'consent' as const),
    ])
    if (seen === 'arrived') return
    const here = page.url()
    if (seen === 'consent') await allow.click()
    else {
      await page.getByLabel('User name').fill('alice')
      await password.fill('wonderland')
      await page.getByRole('button', { name: 'Sign in' }).click()
    }
    await page.waitForURL((url) => url.href !== here)
  }
}
