import type { Browser } from './browser.ts'
import { startProxiedApp, type ProxiedApp, type ProxiedAppOptions } from './proxied-app.ts'
import { exchangeBytes } from './raw-client.ts'
import type { UpstreamRequest } from './upstream.ts'

export interface ProbeAnswer {
  readonly status: number
  /** All that came back, one character each byte. */
  readonly bytes: string
  /** What the target got because of it. */
  readonly arrived: readonly UpstreamRequest[]
}

/** A proxied application, somebody who has signed in, and requests byte for byte as a test writes them. */
export interface ProxyProbe extends ProxiedApp {
  readonly user: Browser
  /**
   * @param head request line and headers, one a line. `Host`, `Cookie`, `Sec-Fetch-Site: same-origin` and `Connection: close` are added where
   * they are not given; `Cookie: none` has none.
   */
  send(head: string, body?: string): Promise<ProbeAnswer>
}

export async function startProxyProbe(options: ProxiedAppOptions = {}): Promise<ProxyProbe> {
  const site = await startProxiedApp(options)
  const user = await site.signedIn()
  const added = {
    Host: 'app',
    Cookie: user.cookieHeader(site.url),
    'Sec-Fetch-Site': 'same-origin',
    Connection: 'close',
  }
  return {
    ...site,
    user,
    async send(head, body = '') {
      const before = site.upstream.requests.length
      const lines = head.split('\n').filter((line) => line !== 'Cookie: none')
      for (const [name, value] of Object.entries(added)) {
        if (!new RegExp(`^${name}:`, 'im').test(head)) lines.push(`${name}: ${value}`)
      }
      const bytes = await exchangeBytes(site.url, `${lines.join('\r\n')}\r\n\r\n${body}`)
      return { status: Number(bytes.split(' ', 2)[1]), bytes, arrived: site.upstream.requests.slice(before) }
    },
  }
}
