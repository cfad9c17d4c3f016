import { generateKeyPair, randomBytes, randomUUID } from 'node:crypto'
import { promisify } from 'node:util'
import type { ClientMetadata, Configuration, errors as ProviderErrors, JWK } from 'oidc-provider'

import type { Accounts } from './accounts.ts'
import type { MemoryStore } from './memory-store.ts'
import type { AuthorizationServerOptions, RegisteredClient, ResourceServerClient } from './options.ts'
import { errorPage, loggedOutPage, logoutPage, PAGE_HEADERS } from './pages.ts'

const DAY_SECONDS = 24 * 60 * 60

/** What a server with this port keeps to itself. */
export interface ServerState {
  readonly port: number
  readonly errors: typeof ProviderErrors
  readonly accounts: Accounts
  readonly store: MemoryStore
  readonly signingKey: JWK
}

/** A fresh key for each start: nothing signed by an earlier run of the demo is accepted. */
export async function generateSigningKey(): Promise<JWK> {
  const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 })
  const { kty, n, e, d, p, q, dp, dq, qi } = privateKey.export({ format: 'jwk' })
  if (kty === undefined) throw new TypeError('the generated key has no type')
  return { kty, n, e, d, p, q, dp, dq, qi, kid: randomUUID(), alg: 'RS256', use: 'sig' }
}

/** Every setting that oidc-provider calls unsafe to leave at its default is made here, so it has nothing to warn of. */
export function providerConfiguration(options: AuthorizationServerOptions, state: ServerState): Configuration {
  const { accessTokenTtlSeconds = 10, refreshTokenTtlSeconds = 14 * DAY_SECONDS, refreshTokens = 'always' } = options
  const resourceServer = options.resourceServerClient
  const clients = options.clients.map(clientMetadata)

  return {
    adapter: state.store.adapterFor,
    clients: resourceServer === undefined ? clients : [...clients, resourceServerMetadata(resourceServer)],
    jwks: { keys: [state.signingKey] },
    cookies: {
      keys: [randomBytes(32).toString('base64url')],
      // Browsers do not tell ports apart: two servers on one host would overwrite each other's cookies.
      names: {
        session: `_session_${state.port}`,
        interaction: `_interaction_${state.port}`,
        resume: `_interaction_resume_${state.port}`,
      },
    },
    ttl: {
      AccessToken: accessTokenTtlSeconds,
      AuthorizationCode: 60,
      IdToken: 60 * 60,
      RefreshToken: refreshTokenTtlSeconds,
      Interaction: 60 * 60,
      Session: 14 * DAY_SECONDS,
      Grant: 14 * DAY_SECONDS,
    },
    responseTypes: ['code'],
    pkce: { required: () => true },
    scopes: ['openid', 'offline_access'],
    claims: {
      openid: ['sub'],
      profile: ['name', 'given_name', 'family_name', 'preferred_username'],
      email: ['email', 'email_verified'],
    },
    conformIdTokenClaims: !(options.claimsInIdToken ?? true),
    findAccount: (_ctx, sub) => state.accounts.find(sub),
    // A refresh token that comes a second time revokes its whole grant (RFC 9700 §4.14.2).
    rotateRefreshToken: true,
    issueRefreshToken: (_ctx, client, source) =>
      client.grantTypeAllowed('refresh_token') && (refreshTokens === 'always' || source.scopes.has('offline_access')),
    // Tokens outlive the browser's session here. Otherwise a second sign-in in the same browser ends those of the first.
    expiresWithSession: () => false,
    clientBasedCORS: () => false,
    interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
    renderError(ctx, out) {
      ctx.set(PAGE_HEADERS)
      ctx.body = errorPage(out)
    },
    // oidc-provider refuses loopback addresses to its own requests, and that is where the demo's app is told of a logout.
    fetch(url, init: RequestInit & { dispatcher?: unknown } = {}) {
      const { dispatcher: _guard, ...unguarded } = init
      return fetch(url, unguarded)
    },
    features: {
      devInteractions: { enabled: false },
      dPoP: { enabled: false },
      pushedAuthorizationRequests: { enabled: false },
      resourceIndicators: {
        enabled: options.resources !== undefined,
        getResourceServerInfo(_ctx, resource) {
          if (options.resources?.includes(resource) !== true) throw new state.errors.InvalidTarget()
          return { scope: '', audience: resource, accessTokenTTL: accessTokenTtlSeconds, accessTokenFormat: 'opaque' }
        },
      },
      userinfo: { enabled: true },
      backchannelLogout: { enabled: true },
      revocation: { enabled: true, allowedPolicy: (_ctx, client, token) => token.clientId === client.clientId },
      introspection: {
        enabled: true,
        allowedPolicy: (_ctx, client, token) =>
          client.clientId === resourceServer?.clientId || token.clientId === client.clientId,
      },
      rpInitiatedLogout: {
        enabled: true,
        logoutSource(ctx, form) {
          // A valid ID Token of this very user proves that the app asks, not a page which wants to annoy.
          const hinted = ctx.oidc.entities.IdTokenHint?.payload['sub']
          const confirmed = hinted !== undefined && hinted === ctx.oidc.session?.accountId
          ctx.set(PAGE_HEADERS)
          ctx.body = logoutPage({ form, confirmed })
        },
        postLogoutSuccessSource(ctx) {
          ctx.set(PAGE_HEADERS)
          ctx.body = loggedOutPage()
        },
      },
    },
  }
}

function clientMetadata(client: RegisteredClient): ClientMetadata {
  const { clientId, clientSecret, name = clientId, redirectUris, postLogoutRedirectUris = [] } = client
  const { tokenEndpointAuthMethod = clientSecret === undefined ? 'none' : 'client_secret_basic' } = client
  return {
    client_id: clientId,
    client_secret: clientSecret,
    client_name: name,
    redirect_uris: [...redirectUris],
    post_logout_redirect_uris: [...postLogoutRedirectUris],
    ...(client.backchannelLogoutUri === undefined
      ? {}
      : { backchannel_logout_uri: client.backchannelLogoutUri, backchannel_logout_session_required: true }),
    token_endpoint_auth_method: tokenEndpointAuthMethod,
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
  }
}

function resourceServerMetadata({ clientId, clientSecret }: ResourceServerClient): ClientMetadata {
  return {
    client_id: clientId,
    client_secret: clientSecret,
    token_endpoint_auth_method: 'client_secret_basic',
    redirect_uris: [],
    grant_types: [],
    response_types: [],
  }
}
