import type { Request, Response } from 'express'
import type { AuthError } from '../errors.ts'
import type { EventListener } from '../events.ts'
import type { GrantKeeper } from '../grants/grant-keeper.ts'
import type { ReturnPath } from '../protocol/return-path.ts'
import type { Runtime } from '../runtime.ts'
import type { Sealer } from '../sealer.ts'
import type { SessionCorner } from '../session/session-corner.ts'
import type { SessionMiddleware } from '../session/session-middleware.ts'
import type { ErrorAnswerSettings } from './error-answer.ts'
import type { ProviderPaths, Registrations } from './registrations.ts'
import type { SessionBindings } from './session-bindings.ts'
import type { SignIns } from './sign-ins.ts'

/** Parameters of the authorization request that `/login` passes on where the application allows them (OIDC Core §3.1.2.1). */
export type LoginParameter = (typeof LOGIN_PARAMETERS)[number]

export const LOGIN_PARAMETERS = ['prompt', 'login_hint', 'ui_locales', 'acr_values', 'max_age'] as const

/** Paths on the public origin. */
export interface RoutePaths extends ProviderPaths {
  readonly logout: string
}

export interface ExpressSettings extends ErrorAnswerSettings {
  readonly paths: RoutePaths
  /** Do paths of single providers lie below them, such as `/login/healthkey`? */
  readonly hasPathsBelow: boolean
  readonly loginParameters: readonly LoginParameter[]
  readonly afterLogin: ReturnPath
  readonly afterLogout: ReturnPath
}

/** What the routes and guards of one instance work with. */
export interface Parts {
  readonly settings: ExpressSettings
  readonly registrations: Registrations
  readonly keeper: GrantKeeper
  readonly session: SessionMiddleware
  readonly corner: SessionCorner
  readonly bindings: SessionBindings
  readonly signIns: SignIns
  /** Seals the `state` of a sign-in. */
  readonly stateSealer: Sealer
  /** Seals the `state` of a connection, which does not begin again by itself: by then it could be for somebody else. */
  readonly connectionSealer: Sealer
  /** Seals an authorization response on its way from POST to GET. */
  readonly responseSealer: Sealer
  /** Where a sign-in would help against an error, if not at the one that signs users in: the account of a connected provider is missing. */
  readonly loginPaths: WeakMap<AuthError, string>
  readonly runtime: Runtime
  readonly tell: EventListener
}

/** Answers a failure of ours; hands on what is not. */
export type Fail = (error: unknown, req: Request, res: Response, next: (error: unknown) => void) => void
