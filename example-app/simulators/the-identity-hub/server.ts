import { emptyAnswer, type Answer } from '../core/answers.ts'
import { errorPage } from '../core/pages.ts'
import type { RawRequest } from '../core/raw-http.ts'
import { authorize } from './authorization-endpoint.ts'
import { appCertificates, appMetadata, tenantCertificates, tenantMetadata } from './discovery.ts'
import type { Hub, TenantHub } from './hub.ts'
import { identity, userInfo, verify } from './resources.ts'
import { revoke } from './revocation-endpoint.ts'
import { token } from './token-endpoint.ts'

interface Endpoint {
  readonly methods: readonly string[]
  readonly answer: (hub: TenantHub, request: RawRequest) => Answer
}

const ENDPOINTS: Readonly<Record<string, Endpoint>> = {
  'oauth2/v1/auth': { methods: ['GET'], answer: authorize },
  'oauth2/v1/token': { methods: ['POST'], answer: token },
  'oauth2/v1/revoke': { methods: ['POST'], answer: revoke },
  'oauth2/v1/verify': { methods: ['GET'], answer: verify },
  'oauth2/v1/userinfo': { methods: ['GET', 'POST'], answer: userInfo },
  'oauth2/v1/certs': { methods: ['GET'], answer: tenantCertificates },
}

/** All endpoints of all tenants. */
export function theIdentityHubServer(hub: Hub): (request: RawRequest) => Answer {
  return (request) => route(hub, request)
}

function route(hub: Hub, request: RawRequest): Answer {
  const [, tenant = '', path = ''] = /^\/([^/]*)\/(.*)$/.exec(request.path) ?? []
  if (!hub.state.switches.tenants.includes(tenant)) return notFound(hub)

  const place = { ...hub, tenant }
  const endpoint = endpointAt(place, path)
  if (endpoint === undefined) return notFound(hub)
  if (!endpoint.methods.includes(request.method)) return emptyAnswer(405, [['Allow', endpoint.methods.join(', ')]])
  return endpoint.answer(place, request)
}

function endpointAt(hub: TenantHub, path: string): Endpoint | undefined {
  const api = /^api\/identity\/v1(?:\/([^/]*))?$/.exec(path)
  if (api !== null) return get((place, request) => identity(place, request, api[1] ?? ''))
  if (path === '.well-known/openid-configuration') return get(tenantMetadata)

  const { slash, appLevelDiscovery } = hub.state.switches
  const app = `App/${hub.state.client.clientId}/`
  if (appLevelDiscovery && path === `${app}.well-known/openid-configuration`) return get(appMetadata)

  const hasSlash = path.endsWith('/')
  if (slash !== 'both' && hasSlash !== (slash === 'with')) return undefined
  const name = hasSlash ? path.slice(0, -1) : path
  if (appLevelDiscovery && name === `${app}oauth2/v1/certs`) return get(appCertificates)
  return Object.hasOwn(ENDPOINTS, name) ? ENDPOINTS[name] : undefined
}

function get(answer: Endpoint['answer']): Endpoint {
  return { methods: ['GET'], answer }
}

function notFound({ state }: Hub): Answer {
  return errorPage(state.provider, { status: 404, error: 'not_found', description: 'There is no such page.' })
}
