import type { User } from 'latchkey'

import { html, type Html } from '../html.ts'
import { layout, loginUrl } from './layout.ts'
import { displayName } from './user.ts'

export interface HomePage {
  readonly user: User | undefined
  readonly issuer: string
  readonly isDemo: boolean
  readonly hasApi: boolean
}

export function homePage({ user, issuer, isDemo, hasApi }: HomePage): Html {
  const content = html`
    <div class="hero">
      <div class="pitch">
        <h1>Sign in once. Stay signed in.</h1>
        <p class="lead">
          This Express app signs people in with OAuth 2.0 and OpenID Connect, and calls an API for them through its
          proxy. The access tokens behind it expire every few seconds${isDemo ? html`` : html`, minutes or hours`}, and
          nobody has to notice.
        </p>
      </div>
      <section class="card state" aria-labelledby="state">
        ${user === undefined ? signedOut(issuer, isDemo) : signedIn(user, issuer)}
      </section>
    </div>

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

function signedOut(issuer: string, isDemo: boolean): Html {
  return html`<h2 id="state"><span class="dot"></span>You are not signed in</h2>
    <p>
      Signing in happens at ${isDemo && 'the demo identity server, '}<strong>${new URL(issuer).host}</strong>; your
      password stays there.
    </p>
    <p><a class="button" href="${loginUrl('/profile')}">Sign in</a></p>
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

function signedIn(user: User, issuer: string): Html {
  return html`<h2 id="state"><span class="dot on"></span>You are signed in</h2>
    <p>as <strong>${displayName(user)}</strong>, says ${new URL(issuer).host}.</p>
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
