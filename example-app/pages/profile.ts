import type { SignIn, User } from 'latchkey'

import { html, type Html } from '../html.ts'
import { layout } from './layout.ts'
import { displayName, initials } from './user.ts'

export interface ProfilePage {
  readonly user: User | undefined
  readonly issuer: string
  readonly hasApi: boolean
  /** Of this user, on all devices. */
  readonly signIns: readonly SignIn[]
}

export function profilePage({ user, issuer, hasApi, signIns }: ProfilePage): Html {
  if (user === undefined) throw new TypeError('the profile page is for somebody who has signed in')
  const { email } = user
  const content = html`
    <div class="person">
      <span class="avatar" aria-hidden="true">${initials(user)}</span>
      <div>
        <h1>${displayName(user)}</h1>
        <p class="quiet">${typeof email === 'string' && html`${email}, `}signed in at ${new URL(issuer).host}</p>
      </div>
    </div>
    <p id="notice" class="notice" role="alert" hidden></p>

    <div class="columns">
      <section class="card" aria-labelledby="life">
        <h2 id="life">Access token, live</h2>
        <div class="life">
          <div class="ring">
            <svg viewBox="0 0 120 120" aria-hidden="true">
              <circle class="track" cx="60" cy="60" r="52" />
              <circle
                class="arc"
                id="arc"
                cx="60"
                cy="60"
                r="52"
                pathLength="1"
                stroke-dasharray="1"
                stroke-dashoffset="1"
              />
            </svg>
            <p class="reading" id="left-box"><strong id="left">…</strong><span id="left-unit">seconds left</span></p>
          </div>
          <dl class="facts">
            <div>
              <dt>Generation</dt>
              <dd id="generation">…</dd>
            </div>
            <div>
              <dt>Refreshes so far</dt>
              <dd id="refreshes">…</dd>
            </div>
            <div>
              <dt>Last refresh</dt>
              <dd id="refreshed-at">…</dd>
            </div>
            <div>
              <dt>Can be refreshed</dt>
              <dd id="refreshable">…</dd>
            </div>
          </dl>
        </div>
        ${hasApi ? callControls : html`<p class="quiet">A call to the API refreshes an expired token. Set API_URL to have one.</p>`}
        <h3>Refreshes seen on this page</h3>
        <ol class="timeline" id="timeline">
          <li class="empty">None yet.</li>
        </ol>
      </section>

      <section class="card" aria-labelledby="claims">
        <h2 id="claims">Claims of the ID Token</h2>
        <table class="claims" aria-labelledby="claims">
          <thead>
            <tr>
              <th scope="col">Claim</th>
              <th scope="col">Value</th>
            </tr>
          </thead>
          <tbody>
            ${Object.entries(user).map(
              ([name, value]) =>
                html`<tr>
                  <th scope="row">${breakable(name)}</th>
                  <td>${typeof value === 'string' ? value : JSON.stringify(value)}</td>
                </tr>`,
            )}
          </tbody>
        </table>
        <form method="post" action="/logout"><button class="button quiet">Sign out</button></form>
      </section>
    </div>
    ${devices(signIns)}
  `
  return layout({ title: 'Profile', path: '/profile', user, script: 'profile.js', content })
}

function devices(signIns: readonly SignIn[]): Html {
  return html`<section class="card devices" aria-labelledby="devices">
    <h2 id="devices">Where you are signed in</h2>
    <ul>
      ${signIns.map(
        ({ userAgent, signedInAt, isCurrent }) =>
          html`<li>
            <strong>${browserName(userAgent)}</strong>
            <span class="quiet">${signedInAt !== undefined && `since ${new Date(signedInAt).toUTCString()}`}</span>
            ${isCurrent && html`<span class="tag">this browser</span>`}
          </li>`,
      )}
    </ul>
    ${
      signIns.length > 1 &&
      html`<form method="post" action="/sign-ins/end-others">
        <button class="button quiet">Sign out everywhere else</button>
      </form>`
    }
  </section>`
}

const BROWSERS = ['Edg', 'OPR', 'Firefox', 'Chrome', 'Safari'] as const
const BROWSER_NAMES: Readonly<Partial<Record<string, string>>> = { Edg: 'Edge', OPR: 'Opera' }

/** The browser's own words are long, and anything at all. */
function browserName(userAgent = ''): string {
  const found = BROWSERS.find((name) => userAgent.includes(`${name}/`))
  return found === undefined ? 'A browser' : (BROWSER_NAMES[found] ?? found)
}

const callControls = html`<div class="calls">
  <button class="button" id="call" type="button">Call the API</button>
  <label class="check"><input type="checkbox" id="keep-calling" /> every second</label>
  <output id="call-result">An expired token is replaced by the next call.</output>
</div>`

/** A narrow screen may break `preferred_username` where a person would. */
function breakable(name: string): Html {
  return html`${name.split('_').map((part, index) => html`${index > 0 && html`_<wbr />`}${part}`)}`
}
