import { STYLE } from '../../authorization-server/style.ts'
import { cspHash, html, Html } from '../../html.ts'
import type { Answer } from './answers.ts'

// A whole element, because the hash in the policy counts every space between its tags.
const STYLE_ELEMENT = new Html(`<style>${STYLE}</style>`)

const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  `style-src ${cspHash(STYLE)}`,
  // No form-action: Chromium applies it to the whole chain of redirects after a form, and that leads back to the app.
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ')

export interface SimulatedPage {
  /** The provider as people call it. */
  readonly provider: string
  /** Where the form goes to. */
  readonly action: string
}

export function loginPage({ provider, action, failed }: SimulatedPage & { readonly failed: boolean }): Answer {
  const described = failed && html`aria-invalid="true" aria-describedby="error"`
  return pageAnswer(
    200,
    provider,
    failed ? 'Error: sign in' : 'Sign in',
    html` <h1>Sign in</h1>
      <p class="quiet">at a simulator of ${provider}</p>
      ${failed && html`<p class="error" id="error" role="alert">The user name or the password is wrong.</p>`}
      <form method="post" action="${action}">
        <label for="login">User name</label>
        <input
          id="login"
          name="login"
          required
          autofocus
          autocomplete="username"
          autocapitalize="none"
          spellcheck="false"
          ${described}
        />
        <label for="password">Password</label>
        <input id="password" name="password" type="password" required autocomplete="current-password" ${described} />
        <p class="quiet">Try alice with the password wonderland.</p>
        <div class="buttons">
          <button class="primary" name="decision" value="login">Sign in</button>
          <button name="decision" value="deny" formnovalidate>Cancel</button>
        </div>
      </form>`,
  )
}

export interface ConsentPage extends SimulatedPage {
  readonly clientName: string
  readonly account: string
  readonly scope: readonly string[]
}

export function consentPage({ provider, action, clientName, account, scope }: ConsentPage): Answer {
  const asked =
    scope.length === 0
      ? html`<p>It asks for no scope in particular.</p>`
      : html`<ul aria-labelledby="asks">
          ${scope.map((name) => html`<li>use “${name}”</li>`)}
        </ul>`
  return pageAnswer(
    200,
    provider,
    'Allow access?',
    html` <h1>Allow access?</h1>
      <p class="quiet">You are signed in as ${account} at a simulator of ${provider}.</p>
      <p id="asks"><strong>${clientName}</strong> asks for access:</p>
      ${asked}
      <form method="post" action="${action}">
        <div class="buttons">
          <button class="primary" name="decision" value="allow">Allow</button>
          <button name="decision" value="deny">Deny</button>
        </div>
      </form>`,
  )
}

/** What a provider shows instead of a redirect when it does not trust the request. */
export function errorPage(provider: string, { status = 400, error, description }: PageError): Answer {
  return pageAnswer(
    status,
    provider,
    'Error',
    html` <h1>That did not work</h1>
      <p class="error" role="alert">${description}</p>
      <p class="quiet">Error code: ${error}</p>`,
  )
}

export interface PageError {
  /** Default 400. */
  readonly status?: number
  readonly error: string
  readonly description: string
}

function pageAnswer(status: number, provider: string, title: string, content: Html): Answer {
  const body = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${title} - simulated ${provider}</title>
        ${STYLE_ELEMENT}
      </head>
      <body>
        <main>${content}</main>
      </body>
    </html> `.toString()
  return {
    status,
    headers: [
      ['Content-Type', 'text/html; charset=utf-8'],
      ['Cache-Control', 'no-store'],
      ['Content-Security-Policy', CONTENT_SECURITY_POLICY],
      ['Referrer-Policy', 'same-origin'],
      ['X-Content-Type-Options', 'nosniff'],
    ],
    body,
  }
}
