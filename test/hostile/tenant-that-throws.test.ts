import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, test } from '@jest/globals'
import express4 from 'express4'
import express5, { type Request } from 'express'
import { latchkey, perTenant, type PerTenantOptions } from '../../lib/index.ts'
import { oidc } from '../../lib/providers/index.ts'
import { SECRET } from '../support/app.ts'

const issuers: Readonly<Record<string, { issuer: string }>> = { contoso: { issuer: 'https://id.contoso.example' } }
const tenantOf = (req: Request): string | undefined => req.originalUrl.split('/')[1]
const provider: PerTenantOptions['provider'] = (tenant) =>
  // A table that knows no such tenant: a mistake that is easily made.
  oidc({ issuer: (issuers[tenant] as { issuer: string }).issuer, clientId: 'a client', clientSecret: 'its secret' })

/** In Express 4 a handler that rejects is nobody's: Node ends the process. */
describe.each([
  ['4', express4],
  ['5', express5],
])('in Express %s, a function of the application that throws is an error of one request', (_version, express) => {
  test.each<[string, PerTenantOptions, 'guard' | 'proxy', string]>([
    ['"provider", at a proxy', { tenantOf, provider }, 'proxy', '/nobody/page'],
    ['"provider", of what is no tenant', { tenantOf, provider }, 'guard', '/nobody/page'],
    ['"tenantOf", of a path that cannot be decoded', { tenantOf: (req) => decodeURIComponent(tenantOf(req) ?? ''), provider }, 'guard', '/%ff/page'],
    ['"tenantOf", at a proxy', { tenantOf: (req) => decodeURIComponent(tenantOf(req) ?? ''), provider }, 'proxy', '/%ff/page'],
  ])('%s', async (_what, options, by, path) => {
    const app = express()
    const auth = latchkey({ baseUrl: 'http://127.0.0.1:1', secret: SECRET, provider: perTenant(options) })
    app.use(auth)
    app.use('/', by === 'guard' ? auth.requireAuth() : auth.proxy('http://127.0.0.1:1', { dangerouslyAllowHttp: true }))
    app.use((_error: unknown, _req: unknown, res: express5.Response, _next: unknown) => void res.status(500).end())
    const server = createServer(app)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    try {
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
      const signal = AbortSignal.timeout(2_000)
      expect((await fetch(url + path, { signal })).status).toBe(500)
    } finally {
      server.closeAllConnections()
      server.close()
      await auth.close()
    }
  }) // prettier-ignore
})
