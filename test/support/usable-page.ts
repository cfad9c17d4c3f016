import { expect } from '@jest/globals'
import type { Page } from 'playwright-core'

const PHONE = { width: 375, height: 812 }

/** What every page owes to everybody: one heading, names for all controls, and room on a phone. */
export async function expectUsable(page: Page): Promise<void> {
  expect(await page.getByRole('heading', { level: 1 }).count()).toBe(1)
  expect(await page.title()).not.toBe('')
  expect(await namelessControls(page)).toEqual([])

  const before = page.viewportSize()
  await page.setViewportSize(PHONE)
  expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(PHONE.width)
  if (before !== null) await page.setViewportSize(before)
}

/** By the browser's own reckoning of names. */
async function namelessControls(page: Page): Promise<readonly string[]> {
  const nameless: string[] = []
  for (const role of ['button', 'link', 'textbox', 'checkbox', 'combobox', 'img'] as const) {
    const all = await page.getByRole(role).count()
    const named = await page.getByRole(role, { name: /\S/ }).count()
    if (named < all) nameless.push(`${all - named} × ${role}`)
  }
  return nameless
}
