// What contenders need around them: an authorization server, Redis, and an upstream for proxies. All on this machine.
import { startAuthorizationServer } from '../../example-app/dist/authorization-server/start.js'
import { CLIENT } from './fixtures.js'
import { freePort, has, start } from './processes.js'

const HOURS = 3600

/** @param contenders their origins are where the authorization server sends users back to. */
export async function startSurroundings(contenders) {
  for (const program of ['wrk', 'redis-server']) {
    if (!has(program))
      throw new Error(`the bench needs ${program}. Debian: sudo apt-get install -y --no-install-recommends ${program}`)
  }
  const [redisPort, upstreamPort] = [await freePort(), await freePort()]
  const redis = ['redis-server', '--bind', '127.0.0.1', '--port', String(redisPort), '--save', '', '--appendonly', 'no']
  await start(redis, { port: redisPort, core: 'others' })
  const env = { BENCH: JSON.stringify({ port: upstreamPort }) }
  await start([process.execPath, 'support/upstream.js'], { port: upstreamPort, core: 'others', env })
  const redirectUris = contenders.map(
    ({ port, callbackPath = '/callback' }) => `http://127.0.0.1:${port}${callbackPath}`,
  )
  const { issuer } = await startAuthorizationServer({
    accessTokenTtlSeconds: 12 * HOURS,
    clients: [{ ...CLIENT, redirectUris }],
  })
  return { issuer, redisPort, upstream: `http://127.0.0.1:${upstreamPort}` }
}
