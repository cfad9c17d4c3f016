import { randomBytes } from 'node:crypto'
import type { OidcOptions } from 'latchkey/providers'

import { startApi } from './api/start.ts'
import { startAuthorizationServer } from './authorization-server/start.ts'

export interface DemoOptions {
  /** The app's public origin. */
  readonly baseUrl: string
  /** The app's port; the demo's servers take the two after it. */
  readonly port: number
  readonly tokenSeconds: number
  /** Set: no API is started. */
  readonly apiUrl: string | undefined
}

/** What the app is set up with when the environment names no provider. */
export interface Demo {
  readonly provider: OidcOptions
  readonly apiUrl: string
  close(): Promise<void>
}

/** Starts an authorization server and an API in this process: real ones, with accounts and secrets that are no secret. */
export async function startDemo({ baseUrl, port, tokenSeconds, apiUrl }: DemoOptions): Promise<Demo> {
  const client = { clientId: 'example-app', clientSecret: randomBytes(32).toString('base64url') }
  const resourceServerClient = { clientId: 'orders-api', clientSecret: randomBytes(32).toString('base64url') }

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
          redirectUris: [`${baseUrl}/callback`],
          postLogoutRedirectUris: [`${baseUrl}/`],
          // Where the app listens, which its public origin may be far from.
          backchannelLogoutUri: `http://127.0.0.1:${port}/backchannel-logout`,
        },
      ],
      resourceServerClient,
      loginHint: 'Demo user: alice, password: wonderland',
    }),
  )
  const introspectionEndpoint = `${server.issuer}/token/introspection`
  const api =
    apiUrl === undefined
      ? await onPort(port + 2, (free) => startApi({ port: free, introspectionEndpoint, ...resourceServerClient }))
      : undefined

  return {
    provider: { issuer: server.issuer, ...client, scope: 'openid profile email' },
    apiUrl: api?.url ?? apiUrl ?? '',
    async close() {
      await Promise.all([server.close(), api?.close()])
    },
  }
}

/** On this port, which makes forwarding easy from a container; on any free one if it is taken. */
async function onPort<T>(port: number, start: (port: number) => Promise<T>): Promise<T> {
  try {
    return await start(port > 65_535 ? 0 : port)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') return start(0)
    throw error
  }
}
