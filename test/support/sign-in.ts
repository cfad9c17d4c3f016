import type { Browser, Page } from './browser.ts'

export interface SignInOptions {
  /** Default 'alice'. */
  readonly login?: string
  /** Default 'wonderland'. */
  readonly password?: string
  /** Which button of the consent page to press, if it is shown. Default 'allow'. */
  readonly consent?: 'allow' | 'deny'
}

/**
 * Opens `startUrl` and goes through the authorization server's login and consent pages, as many as are shown.
 *
 * @returns the page after them: back in the app, or the login page again when the password was refused.
 */
export async function signIn(browser: Browser, startUrl: string | URL, options: SignInOptions = {}): Promise<Page> {
  return passInteractions(browser, await browser.navigate(startUrl), options)
}

/** As `signIn`, from a login or consent page that is open already. */
export async function passInteractions(browser: Browser, page: Page, options: SignInOptions = {}): Promise<Page> {
  const { login = 'alice', password = 'wonderland', consent = 'allow' } = options
  const hops = [...page.hops]
  let shown = page

  if (asksFor(shown, 'password')) {
    shown = await browser.submitForm(shown, { login, password })
    hops.push(...shown.hops)
    if (asksFor(shown, 'password')) return { ...shown, hops }
  }
  if (asksFor(shown, 'decision')) {
    shown = await browser.submitForm(shown, { decision: consent })
    hops.push(...shown.hops)
  }
  return { ...shown, hops }
}

function asksFor(page: Page, name: string): boolean {
  return page.forms.some(({ fields, buttons }) => fields.has(name) || buttons.some((button) => button.name === name))
}
