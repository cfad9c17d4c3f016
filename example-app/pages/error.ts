import type { User } from 'latchkey'

import { html, type Html } from '../html.ts'
import { layout } from './layout.ts'

export function notFoundPage({ user }: { readonly user: User | undefined }): Html {
  const content = html`<h1>There is nothing here</h1>
    <p class="lead">The address is wrong, or what was here has gone.</p>
    <p><a class="button" href="/">Home page</a></p>`
  return layout({ title: 'Not found', user, content })
}

/** @param status of the answer; below 500 the request was at fault. */
export function errorPage(status: number): Html {
  const content = html`<h1>${status < 500 ? 'That request makes no sense' : 'Something went wrong here'}</h1>
    <p class="lead">
      ${status < 500 ? 'The address or what was sent with it is malformed.' : 'It is not your fault. Try again later.'}
    </p>
    <p><a class="button" href="/">Home page</a></p>`
  return layout({ title: 'Error', user: undefined, content })
}
