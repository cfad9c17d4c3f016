import type { User } from 'latchkey'

import type { Account } from '../accounts.ts'
import { html, type Html } from '../html.ts'
import { layout, loginUrl } from './layout.ts'
import { providerCards } from './provider-cards.ts'
import { displayName } from './user.ts'

export interface HomePage {
  readonly user: User | undefined
  /** Where the user has signed in, or can. */
  readonly providerName: string
  readonly hasApi: boolean
  /** At each provider of the demo. None: there is one provider, and it is somebody else's. */
  readonly accounts: readonly Account[]
}

export function homePage({ user, providerName, hasApi, accounts }: HomePage): Html {
  const isDemo = accounts.length > 0
  const content = html`
    <div class="hero">
      <div class="pitch">
        <h1>Sign in once. Stay signed in.</h1>
        <p class="lead">
          This Express app signs people in with OAuth 2.0 and OpenID Connect, and calls an API for them through its
          proxy. The access tokens behind it expire ${isDemo ? 'after seconds,' : 'every few'} minutes or hours, and
          nobody has to notice.
        </p>
      </div>
      <section class="card state" aria-labelledby="state">
        ${user === undefined ? signedOut(providerName, isDemo) : signedIn(user, providerName)}
      </section>
    </div>

    ${
      isDemo &&
      html`<h2 id="providers">${user === undefined ? 'Sign in with one of six providers' : 'Connect the others'}</h2>
        <p class="quiet">
          The first is a complete OpenID provider. The others are simulators that behave as those providers do, quirks
          included. One signs you in; the others can be connected to the same session, each with tokens of its own.
        </p>
        ${providerCards(accounts, user !== undefined)}`
    }

    <h2>What to look at</h2>
    <ul class="tiles">
      ${tile('/profile', 'Profile', 'Who you are, and the life of your access token as it passes.')}
      ${tile(
        '/explorer',
        'API explorer',
        hasApi
          ? 'Fire up to 200 calls at an expired token and see one refresh.'
          : 'Needs an API behind the proxy: set API_URL.',
      )}
      ${tile('/me', '/me', 'The same person as JSON, for programs. Guarded.')}
      ${tile('/session', '/session', 'Signed in or not, and how the token is doing. Never the token.')}
    </ul>
  `
  return layout({ title: 'Home', path: '/', user, content })
}

function signedOut(providerName: string, isDemo: boolean): Html {
  return html`<h2 id="state"><span class="dot"></span>You are not signed in</h2>
    <p>Signing in happens at <strong>${providerName}</strong>; your password stays there.</p>
    <p>
      <a class="button" href="${isDemo ? '#providers' : loginUrl('/profile')}">${isDemo ? 'Choose one' : 'Sign in'}</a>
    </p>
    ${
      isDemo &&
      html`<dl class="hint">
        <div>
          <dt>User name</dt>
          <dd><code>alice</code></dd>
        </div>
        <div>
          <dt>Password</dt>
          <dd><code>wonderland</code></dd>
        </div>
      </dl>`
    }`
}

function signedIn(user: User, providerName: string): Html {
  return html`<h2 id="state"><span class="dot on"></span>You are signed in</h2>
    <p>as <strong>${displayName(user)}</strong>, says ${providerName}.</p>
    <p class="buttons">
      <a class="button" href="/profile">See your profile</a>
      <a class="button quiet" href="/explorer">Call the API</a>
    </p>`
}

function tile(href: string, name: string, text: string): Html {
  return html`<li class="card tile">
    <a href="${href}">${name}</a>
    <p>${text}</p>
  </li>`
}
