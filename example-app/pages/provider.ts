import type { User } from 'latchkey'

import type { Account } from '../accounts.ts'
import { html, type Html } from '../html.ts'
import type { ApiCall } from '../providers.ts'
import { connectUrl, providerPath, standing } from './accounts.ts'
import { layout } from './layout.ts'
import { tokenLife } from './token-life.ts'
import { displayName } from './user.ts'

export interface ProviderPage {
  readonly user: User | undefined
  readonly account: Account
  readonly call: ApiCall
  /** What went over the wire; absent: not for this visitor. */
  readonly wire: Html | undefined
}

export function providerPage({ user, account, call, wire }: ProviderPage): Html {
  const isConnected = account.state !== 'none'
  const content = html`
    <div class="title">
      <h1>${account.name}</h1>
      <p class="stand">${standing(account)}</p>
      <p class="lead">${account.about}</p>
    </div>
    <p id="notice" class="notice" role="alert" hidden></p>
    ${isConnected ? connected(user, account, call) : invitation(user, account)}
    <section class="card wire" aria-labelledby="on-the-wire">
      <h2 id="on-the-wire">On the wire</h2>
      ${
        wire === undefined
          ? html`<p class="quiet">Sign in to see the requests that go to ${account.name}.</p>`
          : html`<p class="quiet">
                What really went to ${account.name}, from its own log, beside what its documentation shows:
                <strong>+</strong> on one side only, <strong>↔</strong> in another place, <strong>≠</strong> with
                another value. Tokens, codes and secrets are cut to their beginning before they leave the server. Newest
                first; of everybody who uses this demo.
              </p>
              <div id="wire" data-from="${providerPath(account)}/wire">${wire}</div>`
      }
    </section>
  `
  const script = isConnected ? { script: 'provider.js' } : {}
  return layout({ title: account.name, user, ...script, content })
}

function invitation(user: User | undefined, account: Account): Html {
  const to = connectUrl(account, providerPath(account))
  return html`<section class="card state" aria-labelledby="state">
    <h2 id="state">${user === undefined ? 'You are not signed in' : 'Not connected yet'}</h2>
    ${
      user === undefined
        ? html`<p>Sign in as <code>alice</code> with the password <code>wonderland</code>.</p>`
        : html`<p>You stay signed in as ${displayName(user)}, and the app may call ${account.name} for you as well.</p>`
    }
    <p>
      <a class="button" href="${to}"
        >${user === undefined ? `Sign in with ${account.name}` : `Connect ${account.name}`}</a
      >
    </p>
  </section>`
}

function connected(user: User | undefined, account: Account, call: ApiCall): Html {
  const page = providerPath(account)
  return html`<div
    class="columns"
    id="account"
    data-session="${page}/session"
    data-expire="${page}/expire"
    data-login="${connectUrl(account, page)}"
    data-method="${call.method}"
    data-url="/apis/${account.key}${call.path}"
    data-body="${call.body ?? ''}"
  >
    <section class="card" aria-labelledby="life">
      <h2 id="life">Access token, live</h2>
      ${tokenLife}
      <p class="quiet">${account.name} has counted <strong id="asked">…</strong> in all.</p>
    </section>
    <section class="card" aria-labelledby="try">
      <h2 id="try">Try it</h2>
      <p class="quiet">
        <code>${call.method} ${call.path}</code>, sent through this app's proxy, which adds the access token.
      </p>
      <div class="stack">
        <button class="button" id="call" type="button">Call its API once</button>
        <button class="button" id="herd" type="button">200 calls on an expired token</button>
      </div>
      <p id="result" class="summary" role="status">The provider forgets the token first; 200 calls find out at once.</p>
      <div class="buttons">
        <a class="button quiet" href="${connectUrl(account, page)}">Sign in again</a>
        ${ending(user, account)}
      </div>
    </section>
  </div>`
}

/** Without the account that somebody signed in with, they are signed out. */
function ending(user: User | undefined, account: Account): Html {
  if (account.state === 'signed-in') {
    return html`<form method="post" action="/logout"><button class="button quiet">Sign out</button></form>
      ${user !== undefined && html`<p class="quiet">You are signed in with it, as ${displayName(user)}.</p>`}`
  }
  return html`<form method="post" action="${providerPath(account)}/disconnect">
    <button class="button quiet">Disconnect</button>
  </form>`
}
