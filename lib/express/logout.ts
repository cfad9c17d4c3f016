import type { Request, Response } from 'express'
import { AuthError, withoutSecrets } from '../errors.ts'
import { siteOf, wantsPage } from './navigation.ts'
import { html, page, PAGE_POLICY } from './page.ts'
import type { Parts } from './parts.ts'
import { redirect } from './sign-in.ts'

/**
 * `POST /logout` signs out; so does following a link of ours, while any other GET shows a button (logout CSRF). Here first,
 * which needs no network; then, as far as it can be reached, at the authorization server (RFC 7009, RP-Initiated Logout 1.0).
 */
export function logoutRoute(parts: Parts): (req: Request, res: Response) => Promise<void> {
  const { settings } = parts
  return async function logout(req, res) {
    const site = siteOf(req, settings.origin)
    // A picture or a prefetch of our own page is no decision either: somebody else may have written what it shows.
    if (req.method === 'GET' && (site !== 'same-origin' || !wantsPage(req))) return confirm(parts, res)
    if (site === 'elsewhere') throw new AuthError('ERR_AUTH_FORBIDDEN', 'another site may not sign anybody out')

    const url = await signOut(parts, req, res)
    // A script cannot follow a redirect to the authorization server; it is told where to go.
    if (wantsPage(req) || req.get('sec-fetch-mode') === undefined) return redirect(res, url)
    res.set('Cache-Control', 'no-store').json({ location: url })
  }
}

/** @returns where the browser goes next: to the server's own sign-out if it has one, else home. */
export async function signOut(
  { settings, keeper, server, session, corner, tell }: Parts,
  req: Request,
  res: Response,
): Promise<string> {
  const account = corner.account(req)
  if (account === undefined) return settings.afterLogout

  const { provider, grantId, user } = account
  const { sessionID } = req
  // First, and to its end: whoever writes the session back from now on finds this mark (session-fence.ts). A grant store that is down
  // keeps nobody signed in: it is told when it is back, and what was written back meanwhile goes then.
  const last = await keeper
    .bury(grantId, 'signed-out', () => session.end(sessionID))
    .catch((error: unknown) => {
      tell({ type: 'revocation-failed', provider, grantId, cause: withoutSecrets(error) })
      return undefined
    })
  const revoked = last === undefined ? undefined : keeper.revoke(grantId, last, 'signed-out')
  await corner.signOut(req)
  session.clearCookie(res)
  await revoked
  tell({ type: 'sign-out', provider, subject: user.sub, grantId })
  try {
    const url = await server.endSessionUrl(last?.state.tokens.idToken, settings.origin + settings.afterLogout)
    return url?.href ?? settings.afterLogout
  } catch {
    return settings.afterLogout // its metadata cannot be had; here the end-user is signed out
  }
}

function confirm({ settings }: Parts, res: Response): void {
  const body = html`<p>You will be signed out of this site.</p>
    <form class="actions" method="post" action="${settings.paths.logout}">
      <button class="button">Sign out</button>
      <a class="button second" href="${settings.homeUrl}">Stay signed in</a>
    </form>`
  res.set({ 'Cache-Control': 'no-store', 'Content-Security-Policy': PAGE_POLICY, 'X-Content-Type-Options': 'nosniff' })
  res.type('html').send(page('Sign out?', body))
}
