import type { Request } from 'express'
import type { ConnectionOptions } from 'node:tls'
import * as z from 'zod'
import { defined, fn, flag, isRecord, positive, readOptions, text, type Same } from '../option-reader.ts'
import { allowSchema, cookieNameSchema, originSchema, type AllowOptions } from './gate-options.ts'
import { assertionSchema, compareIdentity, identityHeadersSchema, type AssertionOptions } from './identity-options.ts'
import { readTarget, targetComplaint, type Target } from './target.ts'

/** What to trust at an https target, and who to be there. As in `node:tls`. */
export type ProxyTlsOptions = Pick<ConnectionOptions, 'ca' | 'cert' | 'key' | 'passphrase' | 'servername'>

export interface ProxyOptions {
  /** Key of the provider whose account the token comes from. Default: the one that the user signed in with. */
  provider?: string | undefined
  /** The API that the access token is for (RFC 8707 §2), one of the provider's `resources`. Default: the grant's own access token. */
  resource?: string | undefined
  /** What the access token is good for, space-separated (RFC 6749 §3.3), within what was granted. */
  scope?: string | undefined
  /** `false`: requests go without a token, and nobody needs to be signed in. Default `true`. */
  token?: boolean | undefined
  /** Names of cookies that the target may see. Default none. */
  forwardCookies?: readonly string[] | undefined
  /** A request body up to this length is kept, so that it can be sent again when the token was refused. Bytes, default 65,536. */
  maxReplayBytes?: number | undefined
  /** A longer request body is answered with 413. Bytes. Default: any length. */
  maxBodyBytes?: number | undefined
  /** Milliseconds until the connection must stand. Default 5,000. */
  connectTimeoutMs?: number | undefined
  /** Milliseconds until the answer must begin. Default 30,000. */
  headersTimeoutMs?: number | undefined
  /** Milliseconds between two parts of the answer. Default 300,000. */
  idleTimeoutMs?: number | undefined
  /** Milliseconds until the answer must have ended. Default: any time. */
  totalTimeoutMs?: number | undefined
  /** Connections to each target at most. Default 256. */
  connections?: number | undefined
  /** The target listens on this unix socket; its URL gives `Host` and the path before the request's. */
  socketPath?: string | undefined
  tls?: ProxyTlsOptions | undefined
  /** Path and query below the mount point to those below the target; checked again. */
  rewrite?: ((path: string, req: Request) => string) | undefined
  /** What may be forwarded. Default: everything. */
  allow?: AllowOptions | undefined
  /**
   * Other origins whose pages may call, with cookies (CORS). A browser asks without cookies first, so mount such a proxy without a guard in
   * front: it asks for a sign-in itself. Default none.
   */
  allowOrigins?: readonly string[] | undefined
  /**
   * Headers that tell the target about the user: names, and the claim that each has. Percent-encoded, but for visible ASCII; lists are
   * joined by commas. `sub` alone tells users of several providers not apart.
   */
  identityHeaders?: Readonly<Record<string, string>> | undefined
  /** The same as a signed JWT. */
  assertion?: AssertionOptions | undefined
  /** Sends tokens in clear text to a target that is not on this machine. */
  dangerouslyAllowHttp?: boolean | undefined
}

const schema = z.strictObject({
  provider: text('a key of "providers"').optional(),
  resource: text('a URI').optional(),
  scope: text('scope names, separated by spaces').optional(),
  token: flag().optional(),
  forwardCookies: z.array(cookieNameSchema).readonly().optional(),
  maxReplayBytes: positive('bytes').optional(),
  maxBodyBytes: positive('bytes').optional(),
  connectTimeoutMs: positive('milliseconds').optional(),
  headersTimeoutMs: positive('milliseconds').optional(),
  idleTimeoutMs: positive('milliseconds').optional(),
  totalTimeoutMs: positive('milliseconds').optional(),
  connections: positive('connections').optional(),
  socketPath: text('the path of a unix socket').optional(),
  tls: z.custom<ProxyTlsOptions>(isRecord, { error: 'must be an object of TLS options' }).optional(),
  rewrite: fn<(path: string, req: Request) => string>('(path, req) => path').optional(),
  allow: allowSchema.optional(),
  allowOrigins: z.array(originSchema).readonly().optional(),
  identityHeaders: identityHeadersSchema.optional(),
  assertion: assertionSchema.optional(),
  dangerouslyAllowHttp: flag().optional(),
})

const documented: Same<z.input<typeof schema>, ProxyOptions> = true
void documented

interface Defaults {
  readonly token: boolean
  readonly forwardCookies: readonly string[]
  readonly maxReplayBytes: number
  readonly connectTimeoutMs: number
  readonly headersTimeoutMs: number
  readonly idleTimeoutMs: number
  readonly connections: number
}

const DEFAULTS: Defaults = {
  token: true,
  forwardCookies: [],
  maxReplayBytes: 65_536,
  connectTimeoutMs: 5_000,
  headersTimeoutMs: 30_000,
  idleTimeoutMs: 300_000,
  connections: 256,
}

export type ProxySettings = Omit<ProxyOptions, keyof Defaults> & Defaults & { readonly targets: readonly Target[] }

/** @throws {AuthError} `ERR_AUTH_OPTIONS`, naming every option that is wrong. */
export function readProxyOptions(
  target: string | URL | readonly (string | URL)[],
  options: ProxyOptions,
): ProxySettings {
  const targets = Array.isArray(target) ? (target as readonly (string | URL)[]) : [target as string | URL]
  const read = readOptions(schema, options, 'proxy()', (given, say) => {
    const { dangerouslyAllowHttp } = given
    compareIdentity(given, say)
    if (targets.length === 0) say('target', 'must not be an empty list')
    for (const one of targets) {
      const complaint = targetComplaint(one, dangerouslyAllowHttp === true)
      if (complaint !== undefined) say('target', complaint)
    }
  })
  return { ...DEFAULTS, ...defined(read), targets: targets.map(readTarget) }
}
