import type { Request, Response } from 'express'
import { withoutLastSlash } from './navigation.ts'
import type { RoutePaths } from './parts.ts'
import { isOf, type Registration, type Registrations } from './registrations.ts'

/** Of one route, by request method. */
type Methods<Named> = Partial<Record<string, (req: Request, res: Response, named: Named) => Promise<void>>>

export interface RouteHandlers {
  /** Of no provider in particular, too. */
  readonly login: Methods<Registration | undefined>
  readonly logout: Methods<undefined>
  readonly callback: Methods<Registration>
  /** Called by the authorization server, which has no cookie. */
  readonly backchannelLogout: Methods<Registration>
}

export interface Route {
  readonly isSessionless: boolean
  answer(req: Request, res: Response): Promise<void>
}

/** Tells our own routes from the application's. */
export class Routes {
  readonly #paths: RoutePaths
  readonly #registrations: Registrations
  readonly #handlers: RouteHandlers
  readonly #handedOver = new Set<string>()

  /** @param paths below the mount point. */
  constructor(paths: RoutePaths, registrations: Registrations, handlers: RouteHandlers) {
    this.#paths = paths
    this.#registrations = registrations
    this.#handlers = handlers
  }

  /** From now on the application itself has what is at the sign-in and the callback path of this provider. */
  handOver(key: string): void {
    this.#handedOver.add(key)
  }

  /** Has it done so for any provider? */
  get hasHandedOver(): boolean {
    return this.#handedOver.size > 0
  }

  /** @throws {AuthError} `ERR_AUTH_REQUEST` for a path of a tenant that does not exist. */
  find(req: Request): Route | undefined {
    const { login, logout, callback, backchannelLogout } = this.#paths
    const path = withoutLastSlash(req.path)
    const { only } = this.#registrations
    if (path === login) return this.#route(req, this.#handlers.login, only)
    if (path === logout) return route(this.#handlers.logout, undefined)
    if (path === callback && only !== undefined) return this.#route(req, this.#handlers.callback, only)
    if (path === backchannelLogout && only !== undefined) return route(this.#handlers.backchannelLogout, only, true)

    const atCallback = this.#below(callback, path)
    if (atCallback !== undefined) return this.#route(req, this.#handlers.callback, atCallback)
    const atBackchannelLogout = this.#below(backchannelLogout, path)
    if (atBackchannelLogout !== undefined) return route(this.#handlers.backchannelLogout, atBackchannelLogout, true)
    const atLogin = this.#below(login, path, req)
    return atLogin && this.#route(req, this.#handlers.login, atLogin)
  }

  isOwn(req: Request): boolean {
    const path = withoutLastSlash(req.path)
    const own = Object.values(this.#paths) as readonly string[]
    return (
      own.includes(path) || (this.#registrations.hasPathsBelow && own.some((above) => path.startsWith(`${above}/`)))
    )
  }

  /** A form that was posted here is taken home first, and then comes as a GET. */
  #route<Named extends Registration | undefined>(
    req: Request,
    methods: Methods<Named>,
    named: Named,
  ): Route | undefined {
    const isHandedOver = named !== undefined && [...this.#handedOver].some((key) => isOf(key, named))
    return isHandedOver && req.method === 'GET' ? undefined : route(methods, named)
  }

  /** @param req says which tenant, where the path need not. */
  #below(above: string, path: string, req?: Request): Registration | undefined {
    if (!this.#registrations.hasPathsBelow || !path.startsWith(`${above}/`)) return undefined
    return this.#registrations.inPath(path.slice(above.length + 1), req)
  }
}

function route<Named>(methods: Methods<Named>, named: Named, isSessionless = false): Route {
  return { isSessionless, answer: async (req, res) => answer(methods, named, req, res) }
}

async function answer<Named>(methods: Methods<Named>, named: Named, req: Request, res: Response): Promise<void> {
  const handler = methods[req.method]
  if (handler !== undefined) return handler(req, res, named)
  const allowed = Object.keys(methods).join(', ')
  res.status(405).set({ Allow: allowed, 'Cache-Control': 'no-store' })
  res.type('text').send(`This address takes ${allowed} only.\n`)
}
