import type { User } from 'latchkey'

import { html, type Html } from '../html.ts'
import { displayName } from './user.ts'

export interface Layout {
  readonly title: string
  /** The path of the page, to mark it in the navigation. */
  readonly path?: string
  readonly user: User | undefined
  /** A module under /assets. */
  readonly script?: string
  readonly content: Html
}

const LINKS: readonly (readonly [path: string, name: string])[] = [
  ['/', 'Home'],
  ['/profile', 'Profile'],
  ['/explorer', 'API explorer'],
]

export function layout({ title, path, user, script, content }: Layout): Html {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>${title} - latchkey</title>
        <link rel="icon" href="/assets/key.svg" type="image/svg+xml" />
        <link rel="stylesheet" href="/assets/style.css" />
        ${script !== undefined && html`<script type="module" src="/assets/${script}"></script>`}
      </head>
      <body>
        <a class="skip" href="#content">Skip to the content</a>
        <header class="bar">
          <a class="brand" href="/"><img src="/assets/key.svg" alt="" width="28" height="28" />latchkey</a>
          <nav aria-label="Pages">
            ${LINKS.map(([to, name]) => html`<a href="${to}" ${to === path && html`aria-current="page"`}>${name}</a>`)}
          </nav>
          <div class="who">${user === undefined ? signInLink(path) : signOutForm(user)}</div>
        </header>
        <main id="content" tabindex="-1">${content}</main>
        <footer>
          <p>The example app of latchkey. No token ever reaches this browser.</p>
        </footer>
      </body>
    </html> `
}

function signInLink(path = '/'): Html {
  return html`<a class="button small" href="${loginUrl(path === '/' ? '/profile' : path)}">Sign in</a>`
}

function signOutForm(user: User): Html {
  return html`<span class="name">${displayName(user)}</span>
    <form method="post" action="/logout"><button class="button small quiet">Sign out</button></form>`
}

export function loginUrl(returnTo: string): string {
  return `/login?${new URLSearchParams({ returnTo }).toString()}`
}
