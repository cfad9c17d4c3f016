import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { startApi, type Api } from '../../example-app/api/start.ts'
import { startTestAuthorizationServer, type TestAuthorizationServer } from '../support/authorization-server.ts'
import { Browser } from '../support/browser.ts'
import { freePort, startExampleApp, type ExampleApp } from '../support/example-app.ts'
import { startRedis, type RedisServer } from '../support/redis.ts'
import { signIn } from '../support/sign-in.ts'

const TOKEN_SECONDS = 6 // long enough for a slow machine to answer all calls within one life
const CLIENT = { clientId: 'example', clientSecret: 'the-client-secret-of-the-example' }
const API_CLIENT = { clientId: 'api', clientSecret: 'the-client-secret-of-the-api' }

describe('two processes of the example app on one Redis', () => {
  let redis: RedisServer
  let server: TestAuthorizationServer
  let api: Api
  let first: ExampleApp
  let second: ExampleApp
  const browser = new Browser()

  beforeAll(async () => {
    redis = await startRedis()
    const ports = [await freePort(), await freePort()]
    const url = `http://127.0.0.1:${ports[0] ?? 0}`
    server = await startTestAuthorizationServer({
      accessTokenTtlSeconds: TOKEN_SECONDS,
      issuerHost: 'localhost',
      clients: [{ ...CLIENT, redirectUris: [`${url}/callback`], postLogoutRedirectUris: [`${url}/`] }],
      resourceServerClient: API_CLIENT,
    })
    api = await startApi({ introspectionEndpoint: `${server.issuer}/token/introspection`, ...API_CLIENT })
    const [one, two] = await Promise.all(
      ports.map((port) =>
        startExampleApp({
          PORT: String(port),
          BASE_URL: url,
          ISSUER_URL: server.issuer,
          CLIENT_ID: CLIENT.clientId,
          CLIENT_SECRET: CLIENT.clientSecret,
          API_URL: api.url,
          REDIS_URL: `redis://127.0.0.1:${redis.port}`,
          SESSION_SECRET: 'the secret that both processes share',
        }),
      ),
    )
    if (one === undefined || two === undefined) throw new Error('an app did not start')
    // Both announce the public origin; requests go to the port of each.
    first = one
    second = { ...two, url: `http://127.0.0.1:${ports[1] ?? 0}` }
  }, 60_000)
  afterAll(async () => {
    await browser.close()
    await Promise.all([first.stop(), second.stop(), api.close(), server.close()])
    await redis.close()
  })

  const calls = (times: number, urls: readonly string[]): ReturnType<Browser['get']>[] =>
    Array.from({ length: times }, (_, n) => browser.get(`${urls[n % urls.length] ?? ''}/api/orders`))

  test('refresh a token once between them, and one alone goes on when the other is killed', async () => {
    await signIn(browser, `${first.url}/me`, {})
    await new Promise((resolve) => setTimeout(resolve, TOKEN_SECONDS * 1_000)) // the server's own clock

    const answers = await Promise.all(calls(40, [first.url, second.url]))

    expect(answers.map((answer) => answer.status)).toEqual(Array(40).fill(200))
    expect(server.tokenRequests('refresh_token')).toHaveLength(1)

    first.signal('SIGKILL')
    await first.exitCode
    await new Promise((resolve) => setTimeout(resolve, TOKEN_SECONDS * 1_000))
    const after = await Promise.all(calls(20, [second.url]))

    expect(after.map((answer) => answer.status)).toEqual(Array(20).fill(200))
    expect(server.tokenRequests('refresh_token')).toHaveLength(2)
    expect(server.reuseAlarms).toBe(0)
  }, 60_000)
})
