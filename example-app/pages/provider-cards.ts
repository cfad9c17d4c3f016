import type { Account } from '../accounts.ts'
import { html, type Html } from '../html.ts'
import { connectUrl, providerPath } from './accounts.ts'

/** All providers with the one thing that can be done at each: sign in, connect, or look. */
export function providerCards(accounts: readonly Account[], isSignedIn: boolean): Html {
  return html`<ul class="providers">
    ${accounts.map(
      (account) =>
        html`<li class="card provider">
          <h3><a href="${providerPath(account)}">${account.name}</a></h3>
          <p>${account.about}</p>
          ${action(account, isSignedIn)}
        </li>`,
    )}
  </ul>`
}

function action(account: Account, isSignedIn: boolean): Html {
  const { name, state } = account
  if (state !== 'none') {
    const words = state === 'signed-in' ? 'Signed in with it' : 'Connected'
    return html`<p class="stand"><span class="dot on"></span>${words}</p>`
  }
  const to = connectUrl(account, providerPath(account))
  return isSignedIn
    ? html`<a class="button small quiet" href="${to}">Connect ${name}</a>`
    : html`<a class="button small" href="${to}">Sign in with ${name}</a>`
}
