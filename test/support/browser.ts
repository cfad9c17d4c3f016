import { Cookie, CookieJar } from 'tough-cookie'
import { Agent, request } from 'undici'

import { readForms, submitsItself, type HtmlForm } from './html-form.ts'
import { isSameSite, siteRelation } from './site.ts'

/** One request of a navigation and what came back. */
export interface Hop {
  readonly method: string
  readonly url: string
  readonly status: number
  readonly setCookie: readonly string[]
}

export interface Answer {
  readonly url: URL
  readonly status: number
  readonly headers: Headers
  readonly setCookie: readonly string[]
  readonly text: string
  json(): unknown
}

/** What the browser shows at the end of a navigation. */
export interface Page extends Answer {
  readonly hops: readonly Hop[]
  readonly forms: readonly HtmlForm[]
}

export interface RequestOptions {
  readonly method?: string
  /** Win over those that the browser would send; '' removes one. */
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
  /** Page that makes the request. Default: one of the same origin. */
  readonly from?: string | URL
  readonly signal?: AbortSignal
}

export interface NavigateOptions {
  readonly method?: 'GET' | 'POST'
  readonly form?: Readonly<Record<string, string>>
  /** Page with the link or the form. Default: the user typed the address. */
  readonly from?: string | URL
  readonly headers?: Readonly<Record<string, string>>
  /** Default 20, as in Chromium. 0: the answer to the first request is the page. */
  readonly redirectLimit?: number
}

export interface BrowserOptions {
  /** PEM certificate of a test's own certification authority, for https. */
  readonly ca?: string
}

/**
 * A browser as far as sign-in is concerned: cookies (shared by all ports of a host, SameSite, Secure, prefixes), Fetch
 * Metadata, redirects, forms, pages that submit themselves. Real sockets, no scripts.
 */
export class Browser {
  readonly jar: CookieJar = new CookieJar()
  readonly #agent: Agent
  readonly #received: string[] = []

  constructor({ ca }: BrowserOptions = {}) {
    this.#agent = new Agent(ca === undefined ? {} : { connect: { ca } })
  }

  /** Every byte received so far, headers and bodies, one character each: for a search for tokens. */
  get transcript(): string {
    return this.#received.join('\n')
  }

  /** As `fetch(url)` of a page would, except that redirects are answers. */
  get(url: string | URL, options: RequestOptions = {}): Promise<Answer> {
    return this.fetch(url, { ...options, method: 'GET' })
  }

  /** Sends a `URLSearchParams` as a form, everything else as JSON. */
  post(url: string | URL, body: unknown, options: RequestOptions = {}): Promise<Answer> {
    const isForm = body instanceof URLSearchParams
    return this.fetch(url, {
      ...options,
      method: 'POST',
      headers: { 'content-type': isForm ? FORM_TYPE : 'application/json', ...options.headers },
      body: isForm ? body.toString() : JSON.stringify(body),
    })
  }

  fetch(url: string | URL, options: RequestOptions = {}): Promise<Answer> {
    const target = new URL(url)
    const { method = 'GET', from = target.origin } = options
    const initiator = new URL(from)
    const crossOrigin = initiator.origin !== target.origin
    return this.#send(target, {
      method,
      body: options.body,
      signal: options.signal,
      isNavigation: false,
      sameSite: isSameSite(initiator, target) ? 'strict' : 'none',
      headers: {
        accept: '*/*',
        'sec-fetch-mode': 'cors',
        'sec-fetch-dest': 'empty',
        'sec-fetch-site': siteRelation(initiator, [target]),
        ...(crossOrigin || !SAFE_METHODS.has(method) ? { origin: initiator.origin } : {}),
        ...options.headers,
      },
    })
  }

  /** Opens a page as an address typed, a link or a form does: follows redirects, and pages that submit themselves. */
  async navigate(url: string | URL, options: NavigateOptions = {}): Promise<Page> {
    const { from, form, redirectLimit = 20 } = options
    const initiator = from === undefined ? undefined : new URL(from)
    const hops: Hop[] = []
    const urls = [new URL(url)]
    let method: string = options.method ?? 'GET'
    let body = form === undefined ? undefined : new URLSearchParams(form).toString()

    for (;;) {
      const target = urls.at(-1) as URL
      const crossSite = initiator !== undefined && !isSameSite(initiator, target)
      const answer = await this.#send(target, {
        method,
        body,
        isNavigation: true,
        sameSite: !crossSite ? 'strict' : SAFE_METHODS.has(method) ? 'lax' : 'none',
        headers: {
          accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
          'sec-fetch-mode': 'navigate',
          'sec-fetch-dest': 'document',
          'sec-fetch-user': '?1',
          'sec-fetch-site': siteRelation(initiator, urls),
          ...(body === undefined ? {} : { 'content-type': FORM_TYPE }),
          ...(SAFE_METHODS.has(method) ? {} : { origin: originHeader(initiator ?? (urls[0] as URL), urls) }),
          ...options.headers,
        },
      })
      hops.push({ method, url: target.href, status: answer.status, setCookie: answer.setCookie })

      const location = answer.headers.get('location')
      const redirected = REDIRECTS.has(answer.status) && location !== null
      if (!redirected || redirectLimit === 0) return this.#open(answer, hops)
      if (hops.length > redirectLimit) throw new Error(`more than ${redirectLimit} redirects: ${describe(hops)}`)

      urls.push(inheritFragment(new URL(location, target), target))
      if (!KEEPS_METHOD.has(answer.status) && !SAFE_METHODS.has(method)) {
        method = 'GET'
        body = undefined
      }
    }
  }

  /** Follows a link of `page`. */
  follow(page: Page, href: string): Promise<Page> {
    return this.navigate(new URL(href, page.url), { from: page.url })
  }

  /**
   * Fills in and sends a form of `page`: the one that has a field or button for each of `values`.
   *
   * @param values a button's name with its value presses this button; otherwise the first one is pressed.
   */
  submitForm(page: Page, values: Readonly<Record<string, string>> = {}): Promise<Page> {
    const wanted = Object.keys(values)
    const form = page.forms.find(({ fields, buttons }) =>
      wanted.every((name) => fields.has(name) || buttons.some((button) => button.name === name)),
    )
    if (form === undefined) throw new Error(`status ${page.status}: the page has no form with [${wanted.join(', ')}]`)

    const pressed = form.buttons.find(({ name }) => Object.hasOwn(values, name)) ?? form.buttons[0]
    const button = pressed === undefined ? {} : { [pressed.name]: pressed.value }
    const sent = { ...Object.fromEntries(form.fields), ...button, ...values }
    if (form.method === 'POST') return this.navigate(form.action, { method: 'POST', form: sent, from: page.url })

    const action = new URL(form.action)
    action.search = new URLSearchParams(sent).toString()
    return this.navigate(action, { from: page.url })
  }

  /** Those that a request of the same site to this address would carry. */
  cookies(url: string | URL): Cookie[] {
    return this.jar.getCookiesSync(new URL(url).href, { sameSiteContext: 'strict' })
  }

  /** Value of the `Cookie` header, for requests that a test makes by other means, such as a WebSocket. */
  cookieHeader(url: string | URL): string {
    return this.jar.getCookieStringSync(new URL(url).href, { sameSiteContext: 'strict' })
  }

  /** Cuts its connections. */
  close(): Promise<void> {
    return this.#agent.destroy()
  }

  async #open(answer: Answer, hops: readonly Hop[]): Promise<Page> {
    const isHtml = answer.headers.get('content-type')?.startsWith('text/html') ?? false
    const page: Page = { ...answer, hops, forms: isHtml ? readForms(answer.text, answer.url) : [] }
    if (!isHtml || !submitsItself(page.text)) return page

    const next = await this.submitForm(page)
    return { ...next, hops: [...hops, ...next.hops] }
  }

  async #send(url: URL, outgoing: OutgoingRequest): Promise<Answer> {
    const { method, body, signal, sameSite } = outgoing
    const cookie = this.jar.getCookieStringSync(url.href, { sameSiteContext: sameSite })
    const headers = Object.entries({ 'user-agent': USER_AGENT, cookie, ...lowerCased(outgoing.headers) })
    const response = await request(`${url.origin}${url.pathname}${url.search}`, {
      dispatcher: this.#agent,
      method: method as 'GET',
      headers: Object.fromEntries(headers.filter(([, value]) => value !== '')),
      body: body ?? null,
      signal: signal ?? null,
    })

    const received = Object.entries(response.headers).flatMap(([name, value]) =>
      [value ?? []].flat().map((one): [string, string] => [name, one]),
    )
    const setCookie = received.flatMap(([name, value]) => (name === 'set-cookie' ? [value] : []))
    for (const one of setCookie) this.#storeCookie(one, url, outgoing)
    const bytes = Buffer.from(await response.body.arrayBuffer())
    this.#received.push(...received.map(([name, value]) => `${name}: ${value}`), bytes.toString('latin1'))

    const text = bytes.toString('utf8')
    return {
      url,
      status: response.statusCode,
      headers: new Headers(received),
      setCookie,
      text,
      json: () => JSON.parse(text) as unknown,
    }
  }

  #storeCookie(header: string, url: URL, { sameSite, isNavigation }: OutgoingRequest): void {
    const cookie = Cookie.parse(header)
    if (cookie === undefined) return
    // As Chromium does: lax unless said otherwise, and "none" only together with Secure.
    cookie.sameSite ??= 'lax'
    if (cookie.sameSite === 'none' && !cookie.secure) return

    // A navigation may set SameSite cookies even when another site caused it.
    const sameSiteContext = isNavigation ? 'strict' : sameSite
    this.jar.setCookieSync(cookie, url.href, { ignoreError: true, sameSiteContext })
  }
}

type SameSiteContext = 'strict' | 'lax' | 'none'

interface OutgoingRequest {
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array | undefined
  readonly signal?: AbortSignal | undefined
  /** Which cookies go along. */
  readonly sameSite: SameSiteContext
  readonly isNavigation: boolean
}

const USER_AGENT = 'Mozilla/5.0 (test browser)'
const FORM_TYPE = 'application/x-www-form-urlencoded'
const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD'])
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])
const KEEPS_METHOD: ReadonlySet<number> = new Set([307, 308])

function lowerCased(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
}

/** 'null' once a server that is not of the initiator's origin redirects to yet another origin (Fetch, "tainted"). */
function originHeader(initiator: URL, urls: readonly URL[]): string {
  const tainted = urls.some((url, index) => {
    const redirector = urls[index - 1] ?? initiator
    return redirector.origin !== initiator.origin && redirector.origin !== url.origin
  })
  return tainted ? 'null' : initiator.origin
}

function inheritFragment(url: URL, from: URL): URL {
  if (url.hash === '') url.hash = from.hash
  return url
}

function describe(hops: readonly Hop[]): string {
  // Without queries: they carry codes.
  return hops.map(({ url, status }) => `${status} ${url.split('?')[0]}`).join(' -> ')
}
