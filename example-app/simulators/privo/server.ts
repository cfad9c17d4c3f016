import type { Answer } from '../core/answers.ts'
import { errorPage } from '../core/pages.ts'
import type { RawRequest } from '../core/raw-http.ts'
import type { Privo } from './state.ts'
import { authorize } from './authorization-endpoint.ts'
import { certificates, metadata } from './discovery.ts'
import { logOut } from './logout.ts'
import { token } from './token-endpoint.ts'
import { userInfo } from './userinfo.ts'

/** All endpoints of the public host. */
export function privoServer(privo: Privo): (request: RawRequest) => Answer {
  return (request) => {
    const { switches, provider } = privo.state
    if (switches.tokenPaths.some((path) => path === request.path)) return token(privo, request)
    switch (request.path) {
      case '/oauth/authorize':
        return authorize(privo, request)
      case '/userinfo':
        return userInfo(privo, request)
      case '/logout':
        return logOut(privo, request)
      case '/jwk':
        return certificates(privo)
      case '/.well-known/openid-configuration':
        if (switches.discovery) return metadata(privo)
        break
      default:
    }
    return errorPage(provider, { status: 404, error: 'not_found', description: 'There is no such page.' })
  }
}
