import type { Request, Response } from 'express'
import { AuthError, withoutSecrets } from '../errors.ts'
import type { GrantRecord } from '../grants/grant-store.ts'
import { patiently } from '../grants/patience.ts'
import type { ProviderAccount } from '../session/account.ts'
import { siteOf, wantsPage } from './navigation.ts'
import { html, page, sendPage } from './page.ts'
import type { Parts } from './parts.ts'
import type { Registration } from './registrations.ts'
import { redirect } from './sign-in.ts'

/** For metadata that was never fetched; as long as a revocation may take. */
const END_SESSION_URL_BUDGET_MS = 3_000

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

/**
 * Ends all that was granted in this session: the sign-in, and the accounts that were connected to it.
 *
 * @returns where the browser goes next: to the sign-out of the server that signed the user in, if it has one, else home.
 */
export async function signOut(parts: Parts, req: Request, res: Response): Promise<string> {
  const { settings, keeper, session, corner, runtime, tell } = parts
  const account = corner.account(req)
  const all = [...(account === undefined ? [] : [account]), ...corner.connections(req)]
  const { sessionID } = req
  const endSession = async (): Promise<void> => session.end(sessionID)
  // First, and to its end: whoever writes the session back from now on finds this mark (session-fence.ts). A grant store that is down
  // keeps nobody signed in: it is told when it is back, and what was written back meanwhile goes then.
  const buried = await Promise.all(all.map(async (one) => bury(parts, one, one === account ? endSession : undefined)))
  const revoked = Promise.all(buried.map(async (one) => one && keeper.revoke(one.grantId, one.last, 'signed-out')))
  const registration = account && registrationOf(parts, account)
  const idToken = buried.find((one) => one?.grantId === account?.grantId)?.last.state.tokens.idToken
  const asked = registration?.server.endSessionUrl(idToken, settings.origin + settings.afterLogout)
  // Its metadata may have to be fetched first, or cannot be had; here the end-user is signed out.
  const url = asked && patiently(asked, END_SESSION_URL_BUDGET_MS, runtime).catch(() => undefined)
  await corner.signOut(req)
  session.clearCookie(res)
  await revoked
  if (account === undefined) return settings.afterLogout

  const { provider, grantId, user } = account
  tell({ type: 'sign-out', provider: registration?.grantKey ?? provider, subject: user.sub, grantId })
  return (await url)?.href ?? settings.afterLogout
}

/** Ends the same, for an application that goes on to end the session itself. The authorization server is told meanwhile. */
export async function endGrants(parts: Parts, req: Request): Promise<void> {
  const { keeper, corner, tell } = parts
  const account = corner.account(req)
  const all = [...(account === undefined ? [] : [account]), ...corner.connections(req)]
  for (const one of all) {
    const buried = await bury(parts, one)
    if (buried !== undefined) void keeper.revoke(buried.grantId, buried.last, 'signed-out')
    corner.forget(req, one)
  }
  if (account === undefined) return
  const { provider, grantId, user } = account
  tell({ type: 'sign-out', provider: registrationOf(parts, account)?.grantKey ?? provider, subject: user.sub, grantId })
}

/** @returns what was granted; `undefined` if it had ended, or the store is away and ends it later. */
async function bury(
  parts: Parts,
  account: ProviderAccount,
  afterwards?: () => Promise<void>,
): Promise<{ grantId: string; last: GrantRecord } | undefined> {
  const { keeper, tell } = parts
  const { provider, grantId } = account
  try {
    const last = await keeper.bury(grantId, 'signed-out', afterwards)
    return last && { grantId, last }
  } catch (error) {
    const grantKey = registrationOf(parts, account)?.grantKey ?? provider
    tell({ type: 'revocation-failed', provider: grantKey, grantId, cause: withoutSecrets(error) })
    return undefined
  }
}

/** A function of the application that throws, which says what a tenant is, keeps nobody signed in. */
function registrationOf({ registrations }: Parts, { provider }: ProviderAccount): Registration | undefined {
  try {
    return registrations.get(provider)
  } catch {
    return undefined
  }
}

function confirm({ settings }: Parts, res: Response): void {
  const body = html`<p>You will be signed out of this site.</p>
    <form class="actions" method="post" action="${settings.paths.logout}">
      <button class="button">Sign out</button>
      <a class="button second" href="${settings.homeUrl}">Stay signed in</a>
    </form>`
  sendPage(res, page('Sign out?', body))
}
