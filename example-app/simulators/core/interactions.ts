import { randomBytes } from 'node:crypto'

import { Accounts, DEMO_ACCOUNTS, type DemoAccount } from '../../authorization-server/accounts.ts'
import type { Answer, Header } from './answers.ts'
import { consentPage, errorPage, loginPage } from './pages.ts'
import { headerOf, type RawRequest } from './raw-http.ts'

/** `ask` shows the pages; `auto` and `deny` answer the authorization request at once, as if Alice had decided. */
export type Consent = 'ask' | 'auto' | 'deny'

/** What the user decided about an authorization request. */
export type Decision = { readonly kind: 'allowed'; readonly subject: string } | { readonly kind: 'denied' }

export interface AuthorizationPrompt {
  readonly clientName: string
  readonly scope: readonly string[]
  /** The provider's answer to the browser, which ends the authorization request. */
  readonly finish: (decision: Decision) => Answer
}

/** Where the forms of the pages go; no provider has such a path. */
const PREFIX = '/simulator/interaction/'

/** The sign-in and consent pages of a simulator, and the cookie by which it knows its users again. */
export class Interactions {
  readonly #provider: string
  readonly #cookie: string
  readonly #consent: () => Consent
  readonly #accounts = new Accounts(DEMO_ACCOUNTS)
  readonly #prompts = new Map<string, AuthorizationPrompt>()
  readonly #sessions = new Map<string, DemoAccount>()

  constructor(provider: string, consent: () => Consent) {
    this.#provider = provider
    // Cookies do not tell ports apart, and every simulator runs on the same host.
    this.#cookie = `simulated_${provider.toLowerCase().replaceAll(/[^a-z]/g, '_')}`
    this.#consent = consent
  }

  /** Answers an authorization request that is in order. */
  begin(request: RawRequest, prompt: AuthorizationPrompt): Answer {
    const consent = this.#consent()
    if (consent === 'auto') return prompt.finish({ kind: 'allowed', subject: 'alice' })
    if (consent === 'deny') return prompt.finish({ kind: 'denied' })

    const id = randomId()
    this.#prompts.set(id, prompt)
    return this.#page(id, prompt, this.#accountOf(request))
  }

  /** @returns undefined when the request is for something else. */
  handle(request: RawRequest): Answer | undefined {
    if (!request.path.startsWith(PREFIX)) return undefined
    const id = request.path.slice(PREFIX.length)
    const prompt = this.#prompts.get(id)
    if (request.method !== 'POST' || prompt === undefined) return this.#gone()

    const form = new URLSearchParams(request.body)
    const account = this.#accountOf(request)
    switch (form.get('decision') ?? '') {
      case 'login':
        return this.#signIn(id, prompt, form)
      case 'allow':
        if (account === undefined) return this.#page(id, prompt, undefined)
        this.#prompts.delete(id)
        return prompt.finish({ kind: 'allowed', subject: account.login })
      default:
        this.#prompts.delete(id)
        return prompt.finish({ kind: 'denied' })
    }
  }

  /** The provider's own sign-out: its cookie means nothing from now on. */
  forget(request: RawRequest): void {
    this.#sessions.delete(this.#sessionOf(request) ?? '')
  }

  #signIn(id: string, prompt: AuthorizationPrompt, form: URLSearchParams): Answer {
    const account = this.#accounts.authenticate(form.get('login') ?? '', form.get('password') ?? '')
    if (account === undefined) return loginPage({ provider: this.#provider, action: PREFIX + id, failed: true })

    const session = randomId()
    this.#sessions.set(session, account)
    const answer = this.#page(id, prompt, account)
    const cookie: Header = ['Set-Cookie', `${this.#cookie}=${session}; Path=/; HttpOnly; SameSite=Lax`]
    return { ...answer, headers: [...answer.headers, cookie] }
  }

  #page(id: string, prompt: AuthorizationPrompt, account: DemoAccount | undefined): Answer {
    const page = { provider: this.#provider, action: PREFIX + id }
    if (account === undefined) return loginPage({ ...page, failed: false })
    return consentPage({ ...page, clientName: prompt.clientName, account: account.login, scope: prompt.scope })
  }

  #gone(): Answer {
    const description = 'This sign-in is over. Start again in the app.'
    return errorPage(this.#provider, { status: 404, error: 'not_found', description })
  }

  #accountOf(request: RawRequest): DemoAccount | undefined {
    return this.#sessions.get(this.#sessionOf(request) ?? '')
  }

  #sessionOf(request: RawRequest): string | undefined {
    const cookies = (headerOf(request, 'cookie') ?? '').split(/; */)
    return cookies.find((cookie) => cookie.startsWith(`${this.#cookie}=`))?.slice(this.#cookie.length + 1)
  }
}

function randomId(): string {
  return randomBytes(16).toString('base64url')
}
