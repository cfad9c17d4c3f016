import type { Request, Response } from 'express'
import { AuthError } from '../../errors.ts'
import { Cors } from './cors.ts'
import { isOurOwn, isUpgrade, needsProof } from './cross-site.ts'
import { framingComplaint, malformed } from './framing.ts'
import { isBelow, pathComplaint } from './path.ts'
import type { ProxySettings } from '../proxy-options.ts'
import { offersHttp2 } from '../upgrade/upgrade-protocols.ts'

/** Never forwarded: a tunnel, and an echo of headers that only we and the target should see (RFC 9110 §9.3.6, §9.3.8). */
const NEVER = new Set(['CONNECT', 'TRACE'])
const METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS'

/** Decides what may be forwarded, by the request alone: before its session is read, and a token got. */
export class Gate {
  readonly #settings: ProxySettings
  readonly #ourOrigin: string
  readonly #others: ReadonlySet<string>
  readonly #cors: Cors | undefined
  readonly #methods: ReadonlySet<string> | undefined
  /** Does anything go along that the caller does not have? */
  readonly #isPrivileged: boolean
  readonly #isSignedIn: (req: Request) => boolean

  /** @param isSignedIn is a request known to be of somebody who is signed in? Then a guard may have let it in for that. */
  constructor(settings: ProxySettings, publicUrl: URL, isSignedIn: (req: Request) => boolean) {
    const { allow, allowOrigins = [], token, forwardCookies, identityHeaders, assertion } = settings
    this.#settings = settings
    this.#isSignedIn = isSignedIn
    this.#ourOrigin = publicUrl.origin
    this.#others = new Set(allowOrigins)
    const methods = allow?.methods
    this.#cors = allowOrigins.length === 0 ? undefined : new Cors(this.#others, methods)
    this.#methods = methods && new Set(methods.includes('GET') ? [...methods, 'HEAD'] : methods)
    this.#isPrivileged = token || forwardCookies.length > 0 || identityHeaders !== undefined || assertion !== undefined
  }

  /**
   * @returns path and query below the target; `undefined`: it was a CORS preflight, and is answered.
   * @throws {AuthError} `ERR_AUTH_REQUEST`, `ERR_AUTH_PATH`, `ERR_AUTH_METHOD`, `ERR_AUTH_CROSS_SITE`; `ERR_AUTH_SETUP` for a `rewrite` that fails.
   */
  admit(req: Request, res: Response): string | undefined {
    this.#cors?.mark(req, res)
    const framing = framingComplaint(req)
    if (framing !== undefined) throw malformed(framing, res)
    const complaint = pathComplaint(req.url) ?? upgradeComplaint(req)
    if (complaint !== undefined) throw new AuthError('ERR_AUTH_REQUEST', `this request is malformed: ${complaint}`)
    if (!this.#isAllowed(req.url)) throw new AuthError('ERR_AUTH_PATH', 'there is nothing at this path')

    if (this.#cors?.isPreflight(req) === true) {
      if (this.#cors.answerPreflight(req, res)) return undefined
      throw new AuthError('ERR_AUTH_CROSS_SITE', 'pages of that origin may not call')
    }
    this.#demandMethod(req, res)
    if (needsProof(req) && (this.#isPrivileged || isUpgrade(req) || this.#isSignedIn(req))) this.#demandProof(req)
    return this.#rewritten(req)
  }

  #isAllowed(url: string): boolean {
    const paths = this.#settings.allow?.paths
    if (paths === undefined) return true
    const path = url.split('?', 1)[0] as string
    return paths.some((allowed) => (typeof allowed === 'string' ? isBelow(path, allowed) : allowed.test(path)))
  }

  #demandMethod({ method }: Request, res: Response): void {
    if (!NEVER.has(method) && this.#methods?.has(method) !== false) return
    res.setHeader('Allow', this.#methods === undefined ? METHODS : [...this.#methods].join(', '))
    throw new AuthError('ERR_AUTH_METHOD', `${method} is not allowed here`)
  }

  #demandProof(req: Request): void {
    if (isOurOwn(req, this.#ourOrigin, this.#others)) return
    throw new AuthError(
      'ERR_AUTH_CROSS_SITE',
      'nothing shows that a page of this site sends this; browsers do, by Sec-Fetch-Site or Origin, and other programs can add the header X-Requested-With',
    )
  }

  #rewritten(req: Request): string {
    const { rewrite } = this.#settings
    if (rewrite === undefined) return req.url
    let url: unknown
    try {
      url = rewrite(req.url, req)
    } catch (cause) {
      throw new AuthError('ERR_AUTH_SETUP', '"rewrite" of the proxy has thrown', { cause })
    }
    // A promise that fails would end the process.
    if (typeof url !== 'string') Promise.resolve(url).catch(() => {})
    const complaint = typeof url === 'string' ? pathComplaint(url) : 'it is no string'
    if (complaint !== undefined)
      throw new AuthError('ERR_AUTH_SETUP', `"rewrite" of the proxy returned what cannot be forwarded: ${complaint}`)
    return url as string
  }
}

/** Beside another protocol, or where somebody else listens for upgrades; alone it makes none. */
function upgradeComplaint(req: Request): string | undefined {
  return isUpgrade(req) && offersHttp2(req) ? 'it wants to go on in HTTP/2' : undefined
}
