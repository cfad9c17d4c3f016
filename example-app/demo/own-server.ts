import { randomBytes } from 'node:crypto'
import { oidc } from 'latchkey/providers'

import { startApi } from '../api/start.ts'
import { startAuthorizationServer } from '../authorization-server/start.ts'
import { OWN, type OfferedProvider } from '../providers.ts'
import type { DemoOptions } from './start.ts'
import { onPort } from './ports.ts'
import { Recorder } from './recorder.ts'

/** A provider that has been started, and is stopped with the app. */
export interface StartedProvider {
  readonly offered: OfferedProvider
  close(): Promise<void>
}

/** Starts an OpenID provider and an API: real ones, with accounts and secrets that are no secret. */
export async function startOwnServer({ baseUrl, port, tokenSeconds, apiUrl }: DemoOptions): Promise<StartedProvider> {
  const client = { clientId: 'example-app', clientSecret: randomBytes(32).toString('base64url') }
  const resourceServerClient = { clientId: 'orders-api', clientSecret: randomBytes(32).toString('base64url') }
  const recorder = new Recorder()

  const server = await onPort(port + 1, (free) =>
    startAuthorizationServer({
      port: free,
      // Not the app's host. Browsers know no ports: on one host, each server would be sent the other's cookies, and the two
      // would be one site, which hides whatever breaks between sites.
      issuerHost: new URL(baseUrl).hostname === '127.0.0.1' ? 'localhost' : '127.0.0.1',
      accessTokenTtlSeconds: tokenSeconds,
      clients: [
        {
          ...client,
          name: 'latchkey demo',
          redirectUris: [`${baseUrl}/callback/${OWN}`],
          postLogoutRedirectUris: [`${baseUrl}/`],
          // Where the app listens, which its public origin may be far from.
          backchannelLogoutUri: `http://127.0.0.1:${port}/backchannel-logout/${OWN}`,
        },
      ],
      resourceServerClient,
      loginHint: 'Demo user: alice, password: wonderland',
      before: recorder.middleware,
    }),
  )
  recorder.watch(server.provider)
  const introspectionEndpoint = `${server.issuer}/token/introspection`
  const api =
    apiUrl === undefined
      ? await onPort(port + 2, (free) =>
          startApi({ port: free, introspectionEndpoint, ...resourceServerClient, before: recorder.middleware }),
        )
      : undefined

  return {
    offered: {
      key: OWN,
      provider: oidc({ name: 'Demo server', issuer: server.issuer, ...client, scope: 'openid profile email' }),
      about: `OpenID Connect by the book, with access tokens that expire after ${tokenSeconds} seconds.`,
      apiUrl: api?.url ?? apiUrl ?? '',
      call: { method: 'GET', path: '/orders' },
      server: {
        url: server.issuer,
        log: recorder.log,
        refreshes: () => recorder.refreshes,
        expireAccessTokens: () => server.store.deleteAll('AccessToken'),
      },
    },
    async close() {
      await Promise.all([server.close(), api?.close()])
    },
  }
}
