import type { Account } from '../accounts.ts'
import { html, type Html } from '../html.ts'

export function providerPath({ key }: Pick<Account, 'key'>): string {
  return `/providers/${key}`
}

/** Where a sign-in with this provider begins; with somebody signed in, it connects the account to them. */
export function connectUrl({ key }: Pick<Account, 'key'>, returnTo: string): string {
  return `/login/${key}?${new URLSearchParams({ returnTo }).toString()}`
}

export function standing({ state, since }: Account): Html {
  if (since === undefined || state === 'none') return html`<span class="dot"></span>Not connected`
  const words = state === 'signed-in' ? 'Signed in' : 'Connected'
  return html`<span class="dot on"></span>${words} since ${new Date(since).toUTCString()}`
}
