import { cspHash, html, Html } from '../html.ts'
import { STYLE } from './style.ts'

/** Sends the logout form by itself; the button is there for browsers without scripts. */
const SUBMIT_SCRIPT = `document.getElementById('op.logoutForm').submit()`

// Whole elements, because the hashes in the policy below count every space between their tags.
const STYLE_ELEMENT = new Html(`<style>${STYLE}</style>`)
const SUBMIT_ELEMENT = new Html(`<script>${SUBMIT_SCRIPT}</script>`)

/** For every page of this server. */
export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  'Content-Type': 'text/html; charset=utf-8',
  'Cache-Control': 'no-store',
  // No form-action: Chromium applies it to the whole chain of redirects after a form, and that leads back to the app.
  'Content-Security-Policy': [
    "default-src 'none'",
    `style-src ${cspHash(STYLE)}`,
    `script-src ${cspHash(SUBMIT_SCRIPT)}`,
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'Referrer-Policy': 'same-origin',
  'X-Content-Type-Options': 'nosniff',
}

export interface LoginPage {
  readonly uid: string
  /** What the user typed before, or the app's `login_hint`. */
  readonly login: string
  readonly hint: string | undefined
  /** The last attempt was refused. */
  readonly failed?: boolean
}

export function loginPage({ uid, login, hint, failed = false }: LoginPage): string {
  const described = failed ? html`aria-invalid="true" aria-describedby="error"` : undefined
  // Focus goes where the user has to type next.
  const focus = html`autofocus`
  return page(
    failed ? 'Error: sign in' : 'Sign in',
    html` <h1>Sign in</h1>
      <p class="quiet">at the demo identity server</p>
      ${failed && html`<p class="error" id="error" role="alert">The user name or the password is wrong.</p>`}
      <form method="post" action="/interaction/${uid}/login">
        <label for="login">User name</label>
        <input
          id="login"
          name="login"
          value="${login}"
          required
          autocomplete="username"
          autocapitalize="none"
          spellcheck="false"
          ${described}
          ${login === '' && focus}
        />
        <label for="password">Password</label>
        <input
          id="password"
          name="password"
          type="password"
          required
          autocomplete="current-password"
          ${described}
          ${login !== '' && focus}
        />
        ${hint !== undefined && html`<p class="quiet">${hint}</p>`}
        <div class="buttons">
          <button class="primary" name="decision" value="login">Sign in</button>
          <button name="decision" value="cancel" formnovalidate>Cancel</button>
        </div>
      </form>`,
  )
}

export interface ConsentPage {
  readonly uid: string
  readonly clientName: string
  /** Origin that the user is sent to. */
  readonly destination: string
  readonly account: string
  readonly scopes: readonly string[]
}

export function consentPage({ uid, clientName, destination, account, scopes }: ConsentPage): string {
  return page(
    'Allow access?',
    html` <h1>Allow access?</h1>
      <p class="quiet">You are signed in as ${account}.</p>
      <p id="asks"><strong>${clientName}</strong> at ${destination} asks to:</p>
      <ul aria-labelledby="asks">
        ${scopes.map((scope) => html`<li>${SCOPE_WORDS.get(scope) ?? `use “${scope}”`}</li>`)}
      </ul>
      <form method="post" action="/interaction/${uid}/consent">
        <div class="buttons">
          <button class="primary" name="decision" value="allow">Allow</button>
          <button name="decision" value="deny">Deny</button>
        </div>
      </form>`,
  )
}

const SCOPE_WORDS: ReadonlyMap<string, string> = new Map([
  ['openid', 'know who you are'],
  ['profile', 'see your name'],
  ['email', 'see your email address'],
  ['offline_access', 'act for you while you are away, until you withdraw it'],
])

const ASK_TO_SIGN_OUT =
  'Sign out of the demo identity server as well? Until then the next sign-in needs no password. The app itself has signed you out.'

export interface LogoutPage {
  /** oidc-provider's form, with its protection against cross-site requests; it ends in `</form>`. */
  readonly form: string
  /** The app proved that it asks for this user: no question is needed. */
  readonly confirmed: boolean
}

export function logoutPage({ form, confirmed }: LogoutPage): string {
  const controls = html`<input type="hidden" name="logout" value="yes">
        <div class="buttons"><button class="primary">Sign out</button></div></form>`
  return page(
    'Sign out',
    html` <h1>${confirmed ? 'Signing out …' : 'Sign out?'}</h1>
      <p>${confirmed ? 'You are being signed out of the demo identity server.' : ASK_TO_SIGN_OUT}</p>
      ${new Html(form.replace('</form>', () => controls.toString()))} ${confirmed && SUBMIT_ELEMENT}`,
  )
}

export function loggedOutPage(): string {
  return page(
    'Signed out',
    html` <h1>Signed out</h1>
      <p>You are signed out of the demo identity server.</p>`,
  )
}

export interface ErrorPage {
  readonly error: string
  readonly error_description?: string | undefined
}

export function errorPage({ error, error_description: description }: ErrorPage): string {
  return page(
    'Error',
    html` <h1>That did not work</h1>
      <p class="error" role="alert">${description ?? 'The request could not be answered.'}</p>
      <p class="quiet">Error code: ${error}</p>`,
  )
}

function page(title: string, content: Html): string {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${title} - demo identity server</title>
        ${STYLE_ELEMENT}
      </head>
      <body>
        <main>${content}</main>
      </body>
    </html> `.toString()
}
