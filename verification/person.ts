import { Browser, type Page } from '../test/support/browser.ts'
import type { HtmlForm } from '../test/support/html-form.ts'

export const USER = 'alice'
export const PASSWORD = 'wonderland'

/** Presses a button of the consent page. */
export type Consent = (page: Page, decision: 'allow' | 'deny') => { form: HtmlForm; values?: Record<string, string> }

/** Somebody with a browser of their own, who signs in at the server's own pages. */
export class Person {
  readonly browser: Browser = new Browser()
  readonly #site: string
  readonly #consent: Consent

  constructor(site: string, consent: Consent) {
    this.#site = site
    this.#consent = consent
  }

  /** @returns the page after the login and consent pages, as many as were shown. */
  async signIn(decision: 'allow' | 'deny' = 'allow', path = '/me'): Promise<Page> {
    let page = await this.browser.navigate(`${this.#site}${path}`)
    const login = page.forms.find(({ fields }) => fields.has('password'))
    if (login !== undefined) {
      const name = login.fields.has('username') ? 'username' : 'user'
      page = await this.#send(page, login, { [name]: USER, password: PASSWORD })
    }
    if (page.url.origin === this.#site || page.forms.length === 0) return page
    const { form, values } = this.#consent(page, decision)
    return this.#send(page, form, values)
  }

  #send(page: Page, form: HtmlForm, values: Record<string, string> = {}): Promise<Page> {
    return this.browser.navigate(form.action, {
      method: 'POST',
      form: { ...Object.fromEntries(form.fields), ...values },
      from: page.url,
    })
  }

  get(path: string): ReturnType<Browser['get']> {
    return this.browser.get(`${this.#site}${path}`)
  }

  post(path: string, body: unknown): ReturnType<Browser['post']> {
    return this.browser.post(`${this.#site}${path}`, body)
  }

  /** So many calls at once. @returns such as `200×200`, status and how often. */
  async callAtOnce(path: string, times: number): Promise<string> {
    return counted(await Promise.all(Array.from({ length: times }, () => this.get(path))))
  }

  /** Calls in `lanes` lanes for `ms` milliseconds. @returns such as `200`, each status that came. */
  async keepCalling(path: string, lanes: number, ms: number): Promise<string> {
    const until = performance.now() + ms
    const statuses = new Set<number>()
    const lane = async (): Promise<void> => {
      while (performance.now() < until) statuses.add((await this.get(path)).status)
    }
    await Promise.all(Array.from({ length: lanes }, lane))
    return [...statuses].toSorted((a, b) => a - b).join(' ')
  }
}

function counted(answers: readonly { status: number }[]): string {
  const counts = new Map<number, number>()
  for (const { status } of answers) counts.set(status, (counts.get(status) ?? 0) + 1)
  return [...counts].map(([status, count]) => `${count}×${status}`).join(' ')
}
