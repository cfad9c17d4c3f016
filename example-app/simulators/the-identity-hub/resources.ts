import { emptyAnswer, jsonAnswer, type Answer } from '../core/answers.ts'
import { bearerToken, userOf } from '../core/bearer.ts'
import { readParameters } from '../core/parameters.ts'
import { headerOf, type RawRequest } from '../core/raw-http.ts'
import type { IssuedToken } from '../core/tokens.ts'
import { challengeAnswer, JSON_HEADERS, type TenantHub } from './hub.ts'

/** `GET /{tenant}/api/identity/v1` and what is below it; the token comes in the header (recommended) or in the query. */
export function identity(hub: TenantHub, request: RawRequest, path: string): Answer {
  const value = bearerToken(headerOf(request, 'authorization')) ?? readParameters(request.query)('access_token')
  return withToken(hub, value, ({ authorization }) => {
    const user = userOf(authorization.subject)
    // The token of an app names nobody.
    if (user === undefined) return emptyAnswer(403)

    const [givenName = '', surname = ''] = user.name.split(' ')
    const account = {
      identityId: user.login,
      displayName: user.name,
      givenName,
      surname,
      emailAddress: user.email,
      emailAddressVerified: true,
      userName: user.login,
    }
    switch (path) {
      case '':
      case user.login:
        return jsonAnswer(200, JSON_HEADERS, account)
      case 'roles':
        return jsonAnswer(200, JSON_HEADERS, ['user'])
      case 'accounts':
        return jsonAnswer(200, JSON_HEADERS, [{ accountProvider: 'The Identity Hub', userName: user.login }])
      default:
        return emptyAnswer(404)
    }
  })
}

/** `GET` or `POST /{tenant}/oauth2/v1/userinfo`; the token comes in the header. */
export function userInfo(hub: TenantHub, request: RawRequest): Answer {
  return withToken(hub, bearerToken(headerOf(request, 'authorization')), ({ authorization }) => {
    const user = userOf(authorization.subject)
    if (user === undefined) return challengeAnswer('is invalid')

    const [givenName = '', familyName = ''] = user.name.split(' ')
    return jsonAnswer(200, JSON_HEADERS, {
      sub: user.login,
      name: user.name,
      given_name: givenName,
      family_name: familyName,
      preferred_username: user.login,
      email: user.email,
      picture: `${hub.state.url}/${hub.tenant}/picture/${user.login}`,
      ppid: `${hub.tenant}-${user.login}`,
      unique_name: user.email,
      role: ['user'],
    })
  })
}

/** `GET /{tenant}/oauth2/v1/verify/?access_token=…`: 200 for good tokens and for bad ones. The JavaScript SDK uses the header. */
export function verify(hub: TenantHub, request: RawRequest): Answer {
  const value = readParameters(request.query)('access_token') ?? bearerToken(headerOf(request, 'authorization'))
  const found = hub.state.tokens.findAccessToken(value ?? '')
  if (found.kind !== 'valid' || !isOfTenant(hub, found.token)) {
    return jsonAnswer(200, JSON_HEADERS, { error: 'invalid_token' })
  }

  const { authorization, expiresAt } = found.token
  return jsonAnswer(200, JSON_HEADERS, {
    audience: authorization.clientId,
    scope: authorization.scope.filter((name) => name !== 'openid').join(' '),
    expires_in: Math.floor((expiresAt - hub.state.now()) / 1000),
    // What the last three can hold is not documented.
    resource_owner_identity_verified: 0,
    authentication_strength: 1,
    account_provider: 'The Identity Hub',
  })
}

function withToken(hub: TenantHub, value: string | undefined, answer: (token: IssuedToken) => Answer): Answer {
  if (value === undefined) return challengeAnswer()
  const presented = hub.state.tokens.presentAccessToken(value)
  if (presented.kind === 'expired') return challengeAnswer('expired')
  if (presented.kind !== 'valid' || !isOfTenant(hub, presented.token)) return challengeAnswer('is invalid')
  return answer(presented.token)
}

function isOfTenant(hub: TenantHub, { authorization }: IssuedToken): boolean {
  return hub.tenantOf.get(authorization) === hub.tenant
}
