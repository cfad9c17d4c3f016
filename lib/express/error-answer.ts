import { STATUS_CODES } from 'node:http'
import type { Request, Response } from 'express'
import type { AuthError, AuthErrorCode } from '../errors.ts'
import type { ReturnPath } from '../protocol/return-path.ts'
import { wantsPage } from './navigation.ts'
import { html, page, PAGE_POLICY } from './page.ts'

/** What an error page of the application's own is made from. */
export interface ErrorPageContext {
  readonly error: AuthError
  readonly title: string
  /** What happened and what to do, in words for people. */
  readonly text: string
  /** Begins a new sign-in; `undefined` where that would not help. */
  readonly loginUrl: string | undefined
  readonly homeUrl: string
}

/** @returns HTML. */
export type ErrorPage = (context: ErrorPageContext) => string

export interface ErrorAnswerSettings {
  readonly origin: string
  /** A path on the origin. */
  readonly loginUrl: string
  readonly homeUrl: string
  /** The application's own. */
  readonly errorPage: ErrorPage | undefined
}

interface Words {
  readonly title: string
  readonly text: string
  readonly offersLogin: boolean
}

const ON_US: Words = {
  title: 'Something is wrong on our side',
  text: 'You have done nothing wrong, and trying again will probably not help. The people who run this site have to look at it.',
  offersLogin: false,
}

const WORDS: Readonly<Record<AuthErrorCode, Words>> = {
  ERR_AUTH_OPTIONS: ON_US,
  ERR_AUTH_SETUP: ON_US,
  ERR_AUTH_RECORD: ON_US,
  ERR_AUTH_MISCONFIGURED: ON_US,
  ERR_AUTH_REQUEST: { title: 'This link does not work', text: 'The address is incomplete or was changed on its way. Start again from the home page.', offersLogin: false },
  ERR_AUTH_REQUEST_TIMEOUT: { title: 'This took too long', text: 'What you sent has stopped coming. Check your connection, and try again.', offersLogin: false },
  ERR_AUTH_TOO_LARGE: { title: 'This is too large', text: 'What you sent is longer than is accepted here. Send less of it, or a smaller file.', offersLogin: false },
  ERR_AUTH_TRANSACTION: { title: 'This sign-in is no longer valid', text: 'It was begun too long ago, in another browser, or has been used already. If it keeps happening, allow cookies for this site.', offersLogin: true },
  ERR_AUTH_DENIED: { title: 'Access was not granted', text: 'You, or the sign-in service, declined. Nothing was shared, and you are not signed in.', offersLogin: true },
  ERR_AUTH_REQUIRED: { title: 'Please sign in', text: 'This page is only for people who have signed in.', offersLogin: true },
  ERR_AUTH_REVOKED: { title: 'Please sign in again', text: 'Your access has ended, as it does after a long time or when it is withdrawn.', offersLogin: true },
  ERR_AUTH_FORBIDDEN: { title: 'You may not do this', text: 'You are signed in, but this account does not have the permission. Signing in again does not change that.', offersLogin: false },
  ERR_AUTH_CROSS_SITE: { title: 'This did not come from this site', text: 'Another site sent this request in your name, so nothing was done. If that was you, do it from a page of this site.', offersLogin: false },
  ERR_AUTH_PATH: { title: 'There is nothing here', text: 'The address is wrong, or what was here is gone.', offersLogin: false },
  ERR_AUTH_METHOD: { title: 'This cannot be done here', text: 'The address is right, but not for this. Start again from the home page.', offersLogin: false },
  ERR_AUTH_UNTRUSTED: { title: 'The sign-in could not be verified', text: 'The sign-in service gave an answer that cannot be trusted, so it was discarded. You are not signed in.', offersLogin: true },
  ERR_AUTH_UNAVAILABLE: { title: 'Please try again in a moment', text: 'A service that this page needs does not answer just now. Your session is kept; reload the page in a few seconds.', offersLogin: false },
  ERR_AUTH_UPSTREAM: { title: 'Please try again in a moment', text: 'The service behind this page could not be reached, or gave an answer that cannot be used. If you are signed in, you stay so.', offersLogin: false },
  ERR_AUTH_UPSTREAM_BUSY: { title: 'Please try again in a moment', text: 'The service behind this page has too much to do just now. If you are signed in, you stay so.', offersLogin: false },
  ERR_AUTH_UPSTREAM_TIMEOUT: { title: 'Please try again in a moment', text: 'The service behind this page takes too long. If you are signed in, you stay so.', offersLogin: false },
} // prettier-ignore

/**
 * A page for people, problem details (RFC 9457) for programs. Never more than the code says; the cause is for the log.
 *
 * @param returnPath where a new sign-in should lead.
 */
export function answerError(
  error: AuthError,
  req: Request,
  res: Response,
  settings: ErrorAnswerSettings,
  returnPath?: ReturnPath,
): void {
  if (res.headersSent) {
    res.destroy() // the client must not take what it has for the whole answer
    return
  }
  res.status(error.status)
  res.set('Cache-Control', 'no-store')
  if (error.retryAfterSeconds !== undefined) res.set('Retry-After', String(error.retryAfterSeconds))
  if (error.status === 401)
    res.set(
      'WWW-Authenticate',
      `Latchkey realm="${settings.origin}", login_uri="${settings.origin}${settings.loginUrl}"`,
    )

  const { title, text, offersLogin } = WORDS[error.code]
  if (wantsPage(req)) {
    const returnTo = returnPath === undefined ? '' : `?${new URLSearchParams({ returnTo: returnPath }).toString()}`
    const loginUrl = offersLogin ? settings.loginUrl + returnTo : undefined
    const context: ErrorPageContext = { error, title, text, loginUrl, homeUrl: settings.homeUrl }
    // A page of the application's own has a style of its own.
    if (settings.errorPage === undefined) res.set('Content-Security-Policy', PAGE_POLICY)
    res.set({
      'Referrer-Policy': 'no-referrer',
      'X-Content-Type-Options': 'nosniff',
    })
    res.type('html').send(pageFor(context, settings.errorPage))
    return
  }
  const problem = {
    type: 'about:blank',
    title: STATUS_CODES[error.status],
    status: error.status,
    detail: error.expose ? error.message : text,
    code: error.code,
    ...(offersLogin && { loginUrl: settings.origin + settings.loginUrl }),
  }
  res.type('application/problem+json').send(JSON.stringify(problem))
}

/** A page of the application's own that fails must not take the answer with it. */
function pageFor(context: ErrorPageContext, errorPage: ErrorPage = defaultErrorPage): string {
  try {
    return errorPage(context)
  } catch {
    return defaultErrorPage(context)
  }
}

const defaultErrorPage: ErrorPage = ({ error, title, text, loginUrl, homeUrl }) =>
  page(
    title,
    html`<p>${text}</p>
      <div class="actions">
        ${loginUrl === undefined ? html`` : html`<a class="button" href="${loginUrl}">Sign in</a>`}
        <a class="button second" href="${homeUrl}">Home page</a>
      </div>
      <p class="quiet">${error.code}</p>`,
  )
