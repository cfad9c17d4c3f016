import type { SignIn, User } from 'latchkey'

import type { Account } from '../accounts.ts'
import { html, type Html } from '../html.ts'
import type { ApiCall } from '../providers.ts'
import { connectUrl, providerPath, standing } from './accounts.ts'
import { layout } from './layout.ts'
import { tokenLife } from './token-life.ts'
import { displayName, initials } from './user.ts'

export interface ProfilePage {
  readonly user: User | undefined
  /** Where they have signed in. */
  readonly providerName: string
  /** Of the API; absent: there is none. */
  readonly call: ApiCall | undefined
  /** The API's place in this app. */
  readonly callsAt: string
  /** At each provider of the demo; none where there is one provider only. */
  readonly accounts: readonly Account[]
  /** Of this user, on all devices. */
  readonly signIns: readonly SignIn[]
}

export function profilePage({ user, providerName, call, callsAt, accounts, signIns }: ProfilePage): Html {
  if (user === undefined) throw new TypeError('the profile page is for somebody who has signed in')
  const { email } = user
  const content = html`
    <div class="person">
      <span class="avatar" aria-hidden="true">${initials(user)}</span>
      <div>
        <h1>${displayName(user)}</h1>
        <p class="quiet">${typeof email === 'string' && html`${email}, `}signed in at ${providerName}</p>
      </div>
    </div>
    <p id="notice" class="notice" role="alert" hidden></p>

    <div class="columns">
      <section class="card" aria-labelledby="life">
        <h2 id="life">Access token, live</h2>
        ${tokenLife}
        ${call !== undefined ? callControls(call, callsAt) : html`<p class="quiet">A call to the API refreshes an expired token. Set API_URL to have one.</p>`}
        <h3>Refreshes seen on this page</h3>
        <ol class="timeline" id="timeline">
          <li class="empty">None yet.</li>
        </ol>
      </section>

      <section class="card" aria-labelledby="claims">
        <h2 id="claims">What ${providerName} says of you</h2>
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
    ${accounts.length > 0 && connections(accounts)} ${devices(signIns)}
  `
  return layout({ title: 'Profile', path: '/profile', user, script: 'profile.js', content })
}

function connections(accounts: readonly Account[]): Html {
  return html`<section class="card devices" aria-labelledby="connections">
    <h2 id="connections">Your accounts</h2>
    <ul>
      ${accounts.map(
        (account) =>
          html`<li>
            <a href="${providerPath(account)}"><strong>${account.name}</strong></a>
            <span class="stand quiet">${standing(account)}</span>
            ${account.state === 'none' && html`<a href="${connectUrl(account, '/profile')}">Connect<span class="unseen"> ${account.name}</span></a>`}
          </li>`,
      )}
    </ul>
  </section>`
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

function callControls({ method, path, body = '' }: ApiCall, at: string): Html {
  return html`<div class="calls" id="calls" data-method="${method}" data-url="${at}${path}" data-body="${body}">
    <button class="button" id="call" type="button">Call the API</button>
    <label class="check"><input type="checkbox" id="keep-calling" /> every second</label>
    <output id="call-result">An expired token is replaced by the next call.</output>
  </div>`
}

/** A narrow screen may break `preferred_username` where a person would. */
function breakable(name: string): Html {
  return html`${name.split('_').map((part, index) => html`${index > 0 && html`_<wbr />`}${part}`)}`
}
