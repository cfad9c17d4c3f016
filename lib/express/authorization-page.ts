import { createHash } from 'node:crypto'
import type { Response } from 'express'
import type { AuthorizationRequest } from '../protocol/authorization-request.ts'
import { html, Html, page, PAGE_POLICY } from './page.ts'

/** A field that is called `submit` would stand in the way of the form's own. */
const SCRIPT = 'HTMLFormElement.prototype.submit.call(document.forms[0])'

/** Apart from the template, as its style: the policy names it by its hash. */
const SCRIPT_ELEMENT = new Html(`<script>${SCRIPT}</script>`)

const POLICY = `${PAGE_POLICY}; script-src 'sha256-${createHash('sha256').update(SCRIPT).digest('base64')}'`

/** A form that sends itself to the authorization server; no redirect turns into a POST. Without script the end-user presses its button. */
export function sendAuthorizationPage(res: Response, { url, fields }: AuthorizationRequest, provider: string): void {
  const inputs = fields.map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}" />`.text)
  const body = html`<p>You are being taken to ${provider} to sign in.</p>
    <form method="post" action="${url.href}">
      ${new Html(inputs.join(''))}
      <div class="actions"><button class="button">Continue</button></div>
    </form>
    ${SCRIPT_ELEMENT}`
  res.status(200).set({
    'Content-Security-Policy': POLICY,
    'Cache-Control': 'no-store',
    // Not `no-referrer`: browsers send `Origin: null` with a form then, which some servers refuse.
    'Referrer-Policy': 'strict-origin',
  })
  res.type('html').send(page('Sign in', body))
}
