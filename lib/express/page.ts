import { createHash } from 'node:crypto'
import type { Response } from 'express'

/** HTML that is safe to send: made by {@link html} only. */
export class Html {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** A template whose values are escaped, unless they are HTML themselves. */
export function html(parts: TemplateStringsArray, ...values: readonly (string | Html)[]): Html {
  const escaped = values.map((value) =>
    value instanceof Html ? value.text : value.replace(/[&<>"']/g, (char) => ESCAPES[char] ?? ''),
  )
  return new Html(parts.map((part, index) => part + (escaped[index] ?? '')).join(''))
}

const STYLE = `
:root { color-scheme: light dark; --ink: #1c2430; --quiet: #55606e; --paper: #f5f6f8; --card: #fff; --line: #d5dae1; --accent: #1f5fbf; --on-accent: #fff }
@media (prefers-color-scheme: dark) { :root { --ink: #e8ecf2; --quiet: #a5b0bf; --paper: #12161c; --card: #1b212a; --line: #343d4a; --accent: #8ab4f8; --on-accent: #10151c } }
* { box-sizing: border-box }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1.5rem; background: var(--paper); color: var(--ink); font: 1rem/1.55 system-ui, sans-serif }
main { width: 100%; max-width: 30rem; padding: 2rem; background: var(--card); border: 1px solid var(--line); border-radius: .75rem }
h1 { margin: 0 0 .5rem; font-size: 1.4rem; line-height: 1.25 }
p { margin: 0 0 1rem }
.quiet { color: var(--quiet); font-size: .875rem; margin: 1rem 0 0 }
.actions { display: flex; flex-wrap: wrap; gap: .75rem; margin-top: 1.5rem }
.button { padding: .6rem 1.1rem; border: 1px solid var(--accent); border-radius: .5rem; background: var(--accent); color: var(--on-accent); font: inherit; text-decoration: none; cursor: pointer }
.button.second { background: none; color: var(--accent) }
.button:focus-visible, a:focus-visible { outline: 3px solid var(--accent); outline-offset: 3px }
`

/** Apart from the template: a blank more or less between its tags, and the policy refuses it. */
const STYLE_ELEMENT = new Html(`<style>${STYLE}</style>`)

const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64')

/**
 * Nothing may be loaded, framed or run; the one style is named by its hash. No `form-action`: browsers apply it to the redirect that
 * follows as well, and sign-out leads to the authorization server.
 */
export const PAGE_POLICY: string = `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; base-uri 'none'; frame-ancestors 'none'`

/** Answers with a page that is for this visitor alone. */
export function sendPage(res: Response, text: string): void {
  res.set({ 'Cache-Control': 'no-store', 'Content-Security-Policy': PAGE_POLICY, 'X-Content-Type-Options': 'nosniff' })
  res.type('html').send(text)
}

export function page(title: string, body: Html): string {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${title}</title>
        ${STYLE_ELEMENT}
      </head>
      <body>
        <main>
          <h1>${title}</h1>
          ${body}
        </main>
      </body>
    </html> `.text
}
