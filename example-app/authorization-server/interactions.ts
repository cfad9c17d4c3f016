import express, { Router, type ErrorRequestHandler, type Request, type Response } from 'express'
import type Provider from 'oidc-provider'
import type { errors as ProviderErrors, InteractionResults } from 'oidc-provider'

import type { Accounts } from './accounts.ts'
import type { AuthorizationServerOptions } from './options.ts'
import { consentPage, errorPage, loginPage, PAGE_HEADERS } from './pages.ts'

type Interaction = Awaited<ReturnType<Provider['interactionDetails']>>

export interface InteractionDependencies {
  readonly provider: Provider
  readonly errors: typeof ProviderErrors
  readonly accounts: Accounts
  readonly loginHint: string | undefined
  readonly refreshTokens: AuthorizationServerOptions['refreshTokens']
  readonly onError: (error: unknown) => void
}

/**
 * The pages between an authorization request and its answer. oidc-provider keeps the request under a random id, in a
 * signed cookie that only reaches this path and that a form posted by another site does not carry (SameSite=Lax).
 */
export function interactionRouter(dependencies: InteractionDependencies): Router {
  const { provider, errors, accounts, loginHint, refreshTokens = 'always', onError } = dependencies
  const router = Router()
  const form = express.urlencoded({ extended: false, limit: '8kb', parameterLimit: 20 })

  router.get('/:uid', async function showInteraction(req, res) {
    const interaction = await interactionOf(req, res)
    if (interaction.prompt.name === 'consent') return send(res, 200, await consentPageFor(interaction))
    const login = text(interaction.params['login_hint'])
    return send(res, 200, loginPage({ uid: interaction.uid, login, hint: loginHint }))
  })

  router.post('/:uid/login', form, async function logIn(req, res) {
    const interaction = await interactionOf(req, res)
    if (interaction.prompt.name !== 'login') return res.redirect(303, `/interaction/${interaction.uid}`)
    if (field(req, 'decision') === 'cancel') return finish(req, res, DENIED)

    const login = field(req, 'login').trim()
    const account = accounts.authenticate(login, field(req, 'password'))
    if (account === undefined) {
      return send(res, 422, loginPage({ uid: interaction.uid, login, hint: loginHint, failed: true }))
    }
    return finish(req, res, { login: { accountId: account.login } })
  })

  router.post('/:uid/consent', form, async function decide(req, res) {
    const interaction = await interactionOf(req, res)
    if (interaction.prompt.name !== 'consent') return res.redirect(303, `/interaction/${interaction.uid}`)
    if (field(req, 'decision') !== 'allow') return finish(req, res, DENIED)
    return finish(req, res, { consent: { grantId: await grantRequested(provider, interaction) } })
  })

  async function interactionOf(req: Request<{ uid: string }>, res: Response): Promise<Interaction> {
    const interaction = await provider.interactionDetails(req, res)
    // The cookie decides. Were the address allowed to differ, a person could consent to another page than is shown.
    if (interaction.uid !== req.params.uid) throw new errors.SessionNotFound('interaction session not found')
    return interaction
  }

  async function consentPageFor(interaction: Interaction): Promise<string> {
    const client = await provider.Client.find(text(interaction.params['client_id']))
    const scopes = new Set(text(interaction.params['scope']).split(' ').filter(Boolean))
    // What is given has to be said, also where oidc-provider struck the scope out because `prompt=consent` is missing.
    if (refreshTokens === 'always') scopes.add('offline_access')
    return consentPage({
      uid: interaction.uid,
      clientName: client?.clientName ?? text(interaction.params['client_id']),
      destination: new URL(text(interaction.params['redirect_uri'])).origin,
      account: interaction.session?.accountId ?? '',
      scopes: [...scopes],
    })
  }

  async function finish(req: Request, res: Response, result: InteractionResults): Promise<void> {
    res.set('Cache-Control', 'no-store')
    await provider.interactionFinished(req, res, result, { mergeWithLastSubmission: !('error' in result) })
  }

  const answerError: ErrorRequestHandler = (error, _req, res, _next) => {
    if (error instanceof errors.SessionNotFound) return send(res, 400, errorPage(EXPIRED))
    const status = error instanceof Error && 'status' in error ? Number(error.status) : 500
    if (status >= 400 && status < 500) return send(res, status, errorPage({ error: 'invalid_request' }))
    onError(error)
    return send(res, 500, errorPage({ error: 'server_error' }))
  }
  router.use(answerError)

  return router
}

const DENIED: InteractionResults = { error: 'access_denied', error_description: 'the end-user did not agree' }

const EXPIRED = {
  error: 'interaction_expired',
  error_description: 'This sign-in is too old, or it was finished in another tab. Go back to the app and start again.',
}

/** @returns the id of the grant that now covers what was asked for: the user's earlier one, or a new one. */
async function grantRequested(provider: Provider, interaction: Interaction): Promise<string> {
  const { accountId } = interaction.session ?? {}
  const clientId = text(interaction.params['client_id'])
  if (accountId === undefined) throw new TypeError('consent was asked of nobody')

  const earlier = interaction.grantId === undefined ? undefined : await provider.Grant.find(interaction.grantId)
  const grant = earlier ?? new provider.Grant({ accountId, clientId })
  const { missingOIDCScope, missingOIDCClaims } = interaction.prompt.details
  if (Array.isArray(missingOIDCScope)) grant.addOIDCScope(missingOIDCScope.join(' '))
  if (Array.isArray(missingOIDCClaims)) grant.addOIDCClaims(missingOIDCClaims)
  return grant.save()
}

function send(res: Response, status: number, page: string): void {
  res.status(status).set(PAGE_HEADERS).send(page)
}

/** A form field as text. A field sent twice arrives as a list, and counts as empty. */
function field(req: Request, name: string): string {
  const body: unknown = req.body
  return typeof body === 'object' && body !== null && Object.hasOwn(body, name)
    ? text((body as Record<string, unknown>)[name])
    : ''
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
