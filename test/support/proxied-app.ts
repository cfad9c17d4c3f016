import type { Express } from 'express'
import type { Latchkey, ProxyOptions } from '../../lib/index.ts'
import { startTestApp, type TestApp, type TestAppOptions } from './app.ts'
import { startUpstream, type Upstream } from './upstream.ts'

export interface ProxiedApp extends TestApp {
  readonly upstream: Upstream
  /** Where the proxy answers, without a trailing slash. */
  readonly proxied: string
}

export interface ProxiedAppOptions extends Omit<TestAppOptions, 'routes'> {
  /** Put behind the upstream's origin. */
  targetPath?: string
  proxy?: ProxyOptions
  /** Before the proxy; its routes come after it. */
  routes?: (app: Express, auth: Latchkey, upstream: Upstream) => void
}

/** A test app with a scripted resource server behind `/up`, guarded as in every application. */
export async function startProxiedApp(options: ProxiedAppOptions = {}): Promise<ProxiedApp> {
  const { targetPath = '', proxy = {}, routes, ...given } = options
  const upstream = await startUpstream()
  const site = await startTestApp({
    ...given,
    routes(app, auth) {
      routes?.(app, auth, upstream)
      app.use('/up', auth.requireAuth(), auth.proxy(upstream.url + targetPath, proxy))
    },
  })
  return {
    ...site,
    upstream,
    proxied: `${site.url}/up`,
    async close() {
      await site.close()
      await upstream.close()
    },
  }
}
