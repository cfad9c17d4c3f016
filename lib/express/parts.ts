import type { EventListener } from '../events.ts'
import type { GrantKeeper } from '../grants/grant-keeper.ts'
import type { AuthorizationServer } from '../protocol/authorization-server.ts'
import type { ReturnPath } from '../protocol/return-path.ts'
import type { Runtime } from '../runtime.ts'
import type { Sealer } from '../sealer.ts'
import type { SessionCorner } from '../session/session-corner.ts'
import type { SessionMiddleware } from '../session/session-middleware.ts'
import type { ErrorAnswerSettings } from './error-answer.ts'
import type { SignIns } from './sign-ins.ts'

/** Parameters of the authorization request that `/login` passes on where the application allows them (OIDC Core §3.1.2.1). */
export type LoginParameter = (typeof LOGIN_PARAMETERS)[number]

export const LOGIN_PARAMETERS = ['prompt', 'login_hint', 'ui_locales', 'acr_values', 'max_age'] as const

/** Paths on the public origin. */
export interface RoutePaths {
  readonly login: string
  readonly callback: string
  readonly logout: string
  readonly backchannelLogout: string
}

export interface ExpressSettings extends ErrorAnswerSettings {
  readonly paths: RoutePaths
  readonly loginParameters: readonly LoginParameter[]
  readonly afterLogin: ReturnPath
  readonly afterLogout: ReturnPath
}

/** What the routes and guards of one instance work with. */
export interface Parts {
  readonly settings: ExpressSettings
  /** Key of the provider in the application's configuration. */
  readonly provider: string
  readonly server: AuthorizationServer
  readonly keeper: GrantKeeper
  readonly session: SessionMiddleware
  readonly corner: SessionCorner
  readonly signIns: SignIns
  /** Seals `state`. */
  readonly stateSealer: Sealer
  /** Seals an authorization response on its way from POST to GET. */
  readonly responseSealer: Sealer
  readonly runtime: Runtime
  readonly tell: EventListener
}
