/** What `GET /session` says, and `GET /providers/healthkey/session` of the account there. */
export type Session = SignedIn | { readonly signedIn: false }

export interface SignedIn {
  readonly signedIn: true
  /** The server's clock, epoch milliseconds, as all times here. */
  readonly now: number
  readonly token: TokenHealth
  /** How many refreshes the provider has been asked for; only of a provider of the demo. */
  readonly refreshesAsked?: number
}

export interface TokenHealth {
  readonly generation: number
  readonly expiresAt: number | null
  readonly secondsLeft: number | null
  readonly refreshedAt: number
  readonly isRefreshable: boolean
  readonly scope: string | null
}

/** @throws {Error} when the app does not answer, or not with a session. */
export async function readSession(url = '/session'): Promise<Session> {
  const response = await fetch(url, { headers: { Accept: 'application/json' } })
  if (!response.ok) throw new Error(`${url} answered ${response.status}`)
  return (await response.json()) as Session
}

export function say(notice: HTMLElement, text: string, link?: { href: string; text: string }): void {
  const parts: (string | Node)[] = [text]
  if (link !== undefined) {
    const anchor = document.createElement('a')
    anchor.href = link.href
    anchor.textContent = link.text
    parts.push(' ', anchor)
  }
  notice.replaceChildren(...parts)
  notice.hidden = false
}

export function saySignedOut(notice: HTMLElement): void {
  const returnTo = encodeURIComponent(location.pathname)
  say(notice, 'You are not signed in any more.', { href: `/login?returnTo=${returnTo}`, text: 'Sign in again' })
}

/** The element that the page was sent with. */
export function element<T extends Element>(id: string, type: abstract new () => T): T {
  const found = document.getElementById(id)
  if (found instanceof type) return found
  throw new Error(`the page has no ${type.name} with the id ${id}`)
}

export function plural(count: number, one: string): string {
  // A no-break space: a number alone at the end of a line says nothing.
  return `${count}\u00a0${one}${count === 1 ? '' : one.endsWith('sh') ? 'es' : 's'}`
}
