import type { RequestListener } from 'node:http'

import { createApp } from './app.ts'
import { createAuth } from './auth.ts'
import { startDemo } from './demo/start.ts'
import { startHttpServer, type RunningHttpServer } from './http-server.ts'
import { connectRedis } from './redis.ts'
import { readSettings, SettingsError, type Settings } from './settings.ts'

/** How long requests under way may take to finish when the app ends. */
const GRACE_MS = 5_000

try {
  await start(readSettings(process.env))
} catch (error) {
  if (!(error instanceof SettingsError)) throw error
  console.error(`The environment is not right:\n\n${error.message.replace(/^/gm, '  ')}\n`)
  process.exit(1)
}

async function start(settings: Settings): Promise<void> {
  let handler: RequestListener = (_req, res) => res.writeHead(503, { 'Retry-After': '1' }).end()
  const server = await listen(settings.port, (req, res) => handler(req, res))
  // `localhost`, because the demo's authorization server is on 127.0.0.1: see there why the two must differ.
  const baseUrl = settings.baseUrl ?? `http://localhost:${server.port}`
  const { provider, trustProxy } = settings
  const demo =
    provider === undefined
      ? await startDemo({
          baseUrl,
          port: server.port,
          tokenSeconds: settings.demoTokenSeconds,
          apiUrl: settings.apiUrl,
        })
      : undefined
  const offered = demo?.offered ?? []
  const apiUrl = offered[0]?.apiUrl ?? settings.apiUrl

  const redis = settings.redisUrls === undefined ? undefined : connectRedis(settings.redisUrls)
  const auth = createAuth({
    baseUrl,
    signInAt:
      provider === undefined
        ? { providers: Object.fromEntries(offered.map((one) => [one.key, one.provider])) }
        : { provider },
    sessionSecret: settings.sessionSecret,
    redis,
  })
  const providerName = provider?.name ?? 'one of these providers'
  handler = createApp({ apiUrl, trustProxy, providerName, offered }, auth) as RequestListener

  auth.attach(server.server) // web sockets, through the same guards

  onFirstSignal(async () => {
    await finishRequests(server)
    await auth.close()
    redis?.disconnect()
    await demo?.close()
  })
  announce()
  // Nothing depends on it: a provider that is down now may be up when somebody signs in.
  try {
    await auth.ready()
  } catch (error) {
    console.error(`Nobody can sign in at the moment: ${error instanceof Error ? error.message : String(error)}`)
  }

  function announce(): void {
    console.log(`\n  latchkey example app: ${baseUrl}\n`)
    if (provider === undefined) {
      for (const [index, one] of offered.entries()) {
        console.log(
          `  ${(index === 0 ? 'Sign in at' : '').padEnd(13)}${one.provider.name.padEnd(22)} ${one.server.url}`,
        )
      }
      console.log('  as           alice, password wonderland')
    } else {
      console.log(`  Sign in at   ${provider.name}`)
      console.log(`  Redirect URI ${provider.redirectUri ?? `${baseUrl}/callback`} (to be registered there)`)
    }
    console.log(`  API          ${apiUrl ?? 'none: set API_URL to have one at /api'}`)
    console.log(`  Sessions     ${whereSessionsLive(settings)}`)
    console.log('\n  Ctrl-C ends it.\n')
  }
}

async function listen(port: number, handler: RequestListener): Promise<RunningHttpServer> {
  try {
    return await startHttpServer(handler, { port })
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code !== 'EADDRINUSE' && code !== 'EACCES') throw error
    const why = code === 'EACCES' ? 'may not be used by this account' : 'is in use by another program'
    throw new SettingsError(`PORT: ${port} ${why}; choose another, as in PORT=${port < 1024 ? 3000 : port + 10}`)
  }
}

/** A second signal does not wait. */
function onFirstSignal(end: () => Promise<void>): void {
  let endingSince: number | undefined
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    process.on(signal, () => {
      // One Ctrl-C comes twice under npm: from the terminal, and passed on by npm.
      if (endingSince !== undefined && Date.now() - endingSince < 50) return
      if (endingSince !== undefined) process.exit(1)
      endingSince = Date.now()
      void end().then(
        () => process.exit(0),
        (error: unknown) => {
          console.error(error)
          process.exit(1)
        },
      )
    })
  }
}

/** Stops listening, lets the requests under way finish, and then cuts whatever is left: event streams do not end by themselves. */
async function finishRequests(running: RunningHttpServer): Promise<void> {
  const { server } = running
  const finished = new Promise<void>((resolve) => {
    server.close(() => resolve())
  })
  // A connection whose request has just finished would otherwise be kept for the next.
  const sweep = setInterval(() => server.closeIdleConnections(), 50)
  const cut = setTimeout(() => void running.close(), GRACE_MS)
  await finished
  clearInterval(sweep)
  clearTimeout(cut)
}

function whereSessionsLive({ redisUrls, sessionSecret }: Settings): string {
  if (redisUrls === undefined) return 'in memory: they end with this process'
  return sessionSecret === undefined ? 'in Redis, but end with this process: SESSION_SECRET is not set' : 'in Redis'
}
