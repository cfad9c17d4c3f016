import type Provider from 'oidc-provider'

import {
  startAuthorizationServer,
  type AuthorizationServer,
  type AuthorizationServerOptions,
} from '../../example-app/authorization-server/start.ts'
import { startHttpServer } from '../../example-app/http-server.ts'
import { TokenEndpoint, type TokenEndpointAnswer, type TokenRequest } from './token-endpoint.ts'

/** Why the server refused a refresh. */
export interface RefusedRefresh {
  /** oidc-provider's own words, which it tells nobody else: 'refresh token already used' is a reuse alarm. */
  readonly reason: string
  /** Milliseconds since the epoch. */
  readonly at: number
}

export interface TestAuthorizationServer {
  readonly issuer: string
  readonly port: number
  readonly provider: Provider
  /** Requests seen at the token endpoint, in order of arrival, also those not yet or never answered. */
  tokenRequests(grantType?: string): readonly TokenRequest[]
  /** Refreshes that the server itself refused, so not those of `failTokenEndpoint`. */
  readonly refreshesRefused: readonly RefusedRefresh[]
  /** How often a refresh token came a second time. Each of these revoked a grant. */
  readonly reuseAlarms: number
  /** Token requests wait, before the server sees them, until the returned function is called. */
  holdTokenEndpoint(): () => void
  /** Every token request gets this answer, and the server does nothing, until called with undefined. */
  failTokenEndpoint(answer: TokenEndpointAnswer | undefined): void
  /** The server processes the next token request, and rotates; then the connection closes without an answer. */
  dropNextTokenAnswer(): void
  /** Revokes all grants, as an administrator would: access tokens are refused, a refresh gives `invalid_grant`. */
  revokeEverything(): void
  /** Makes the resource server refuse access tokens in which the client still believes; refreshing works. */
  expireAccessTokens(): void
  /** Takes the server off the network. Its data and the port stay its own. */
  stop(): Promise<void>
  /** Ends `stop`. */
  start(): Promise<void>
  close(): Promise<void>
}

export interface TestAuthorizationServerOptions extends Omit<AuthorizationServerOptions, 'before'> {
  /** A spent refresh token is accepted again for so long; `Infinity`: for ever. Milliseconds, default 0. */
  readonly reuseWithinMs?: number
}

/** Starts the example app's authorization server, a real one, with what tests need to watch and disturb it. */
export async function startTestAuthorizationServer({
  reuseWithinMs = 0,
  ...options
}: TestAuthorizationServerOptions): Promise<TestAuthorizationServer> {
  const tokenEndpoint = new TokenEndpoint()
  const server = await startAuthorizationServer({ ...options, before: tokenEndpoint.middleware })
  const { issuer, port, provider, store } = server
  const refreshesRefused = recordRefusedRefreshes(server)
  if (reuseWithinMs > 0) spendLater(server, reuseWithinMs)
  let running: { close(): Promise<void> } = server

  return {
    issuer,
    port,
    provider,
    tokenRequests: (grantType) => tokenEndpoint.requests(grantType),
    refreshesRefused,
    get reuseAlarms() {
      return refreshesRefused.filter(({ reason }) => reason === 'refresh token already used').length
    },
    holdTokenEndpoint: () => tokenEndpoint.hold(),
    failTokenEndpoint: (answer) => tokenEndpoint.fail(answer),
    dropNextTokenAnswer: () => tokenEndpoint.dropNextAnswer(),
    revokeEverything: () => store.deleteAll('AccessToken', 'AuthorizationCode', 'Grant', 'RefreshToken'),
    expireAccessTokens: () => store.deleteAll('AccessToken'),
    stop: () => running.close(),
    async start() {
      await running.close()
      running = await startHttpServer(server.handler, { port, host: options.host ?? '127.0.0.1' })
    },
    close: () => running.close(),
  }
}

function recordRefusedRefreshes({ provider }: AuthorizationServer): readonly RefusedRefresh[] {
  const refused: RefusedRefresh[] = []
  provider.on('grant.error', (ctx, error) => {
    if (ctx.oidc.params?.['grant_type'] !== 'refresh_token') return
    refused.push({ reason: error.error_detail ?? error.error_description ?? error.error, at: Date.now() })
  })
  return refused
}

/** oidc-provider has no grace period for refresh tokens; a token that is marked as spent somewhat later has one. */
function spendLater({ provider }: AuthorizationServer, ms: number): void {
  const { prototype } = provider.RefreshToken
  const spend: (this: unknown) => Promise<void> = Reflect.get(prototype, 'consume')
  prototype.consume = async function spendAfterGrace() {
    if (Number.isFinite(ms)) setTimeout(() => void spend.call(this), ms).unref()
  }
}
