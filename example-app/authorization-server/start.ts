import express from 'express'
import type Provider from 'oidc-provider'
import type { RequestListener } from 'node:http'

import { startHttpServer } from '../http-server.ts'
import { Accounts, DEMO_ACCOUNTS } from './accounts.ts'
import { generateSigningKey, providerConfiguration } from './configuration.ts'
import { interactionRouter } from './interactions.ts'
import { loadProvider } from './load-provider.ts'
import { MemoryStore } from './memory-store.ts'
import type { AuthorizationServerOptions } from './options.ts'

export type { AuthorizationServerOptions, RegisteredClient, ResourceServerClient } from './options.ts'

export interface AuthorizationServer {
  readonly issuer: string
  readonly port: number
  /** oidc-provider's object, for its events and models. */
  readonly provider: Provider
  /** All that the server remembers. */
  readonly store: MemoryStore
  /** Answers requests as the server does; lets tests take it down and bring it back on the same port. */
  readonly handler: RequestListener
  /** Cuts all connections. */
  close(): Promise<void>
}

/**
 * Starts a real OpenID provider in this process, with login and consent pages of its own: PKCE required, opaque access
 * tokens that live for seconds, refresh tokens that rotate and whose reuse revokes the grant. For demos and tests only:
 * plain http, passwords in memory.
 */
export async function startAuthorizationServer(options: AuthorizationServerOptions): Promise<AuthorizationServer> {
  const { host = '127.0.0.1', issuerHost = host, port = 0, onError = console.error } = options
  const { Provider, errors } = await loadProvider()
  const signingKey = await generateSigningKey()
  const accounts = new Accounts(options.accounts ?? DEMO_ACCOUNTS)
  const store = new MemoryStore()

  const app = express().disable('x-powered-by')
  // The issuer contains the port, so the server listens first. Nothing below awaits, so no request comes too early.
  const server = await startHttpServer(app, { host, port })
  const issuer = `http://${issuerHost}:${server.port}`
  const state = { port: server.port, errors, accounts, store, signingKey }
  const provider = new Provider(issuer, providerConfiguration(options, state))
  provider.on('server_error', (_ctx, error) => onError(error))
  // Koa below it would print stack traces of clients that hung up. Errors of the server itself come by the event above.
  provider.silent = true

  if (options.before !== undefined) app.use(options.before)
  const { loginHint, refreshTokens } = options
  app.use('/interaction', interactionRouter({ provider, errors, accounts, loginHint, refreshTokens, onError }))
  app.use(provider.callback())

  return { issuer, port: server.port, provider, store, handler: app, close: () => server.close() }
}
