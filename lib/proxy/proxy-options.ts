import type { Request } from 'express'
import { createSecureContext, type ConnectionOptions } from 'node:tls'
import * as z from 'zod'
import { isError } from '../errors.ts'
import { defined, fn, flag, isRecord, positive, readOptions, text, type Same, type Say } from '../option-reader.ts'
import { isResource } from '../url-rule.ts'
import { allowSchema, cookieNameSchema, originSchema, type AllowOptions } from './gate/gate-options.ts'
import {
  assertionSchema,
  compareIdentity,
  identityHeadersSchema,
  type AssertionOptions,
} from './headers/identity-options.ts'
import type { ProxyProviders } from './proxy-context.ts'
import { readTarget, targetComplaint, type Target } from './target.ts'

/** Whom to trust at an https target, and who to be there. As in `node:tls`. That it is the one that the URL names is always checked. */
export type ProxyTlsOptions = Pick<ConnectionOptions, 'ca' | 'cert' | 'key' | 'passphrase' | 'servername'>

export interface ProxyOptions {
  /** Key of the provider whose account the token comes from. Default: the one that the user signed in with. */
  provider?: string | undefined
  /** The API that the access token is for (RFC 8707 §2), one of the provider's `resources`. Default: the grant's own access token. */
  resource?: string | undefined
  /** What the access token is good for, space-separated (RFC 6749 §3.3), within what was granted. */
  scope?: string | undefined
  /** `false`: requests go without a token, and nobody needs to be signed in; of whoever is not, the target is told nothing. Default `true`. */
  token?: boolean | undefined
  /** Names of cookies that the target may see. Default none. */
  forwardCookies?: readonly string[] | undefined
  /**
   * A request body that says by `Content-Length` that it is no longer is kept, so that it can be sent again when the token was refused. Bytes,
   * default 65,536.
   */
  maxReplayBytes?: number | undefined
  /**
   * A longer request body is answered with 413, and the connection closed. Bytes. Default: any length. A body that says its length
   * (`Content-Length`) is not read then; of one that does not, up to so many bytes may have reached the target, which sees it cut off.
   */
  maxBodyBytes?: number | undefined
  /** Milliseconds until the connection must stand. Default 5,000. */
  connectTimeoutMs?: number | undefined
  /**
   * Milliseconds until the answer must begin, from when the connection stands, the last informational answer (1xx) or part of a streamed body went
   * by, or the request is sent once more; and, while all connections are taken, for one to become free. Default 30,000.
   */
  headersTimeoutMs?: number | undefined
  /**
   * Milliseconds between two parts of the answer; for which a client may take nothing of it; and for which it may send nothing of its request
   * (`ERR_AUTH_REQUEST_TIMEOUT`, 408). Web sockets may be silent for longer. Default 300,000.
   */
  idleTimeoutMs?: number | undefined
  /**
   * Milliseconds until the answer must have ended, event streams included, from when the request has come to the proxy. Its session and its
   * token are waited for as long as they take, and count. A short body that is not there by then is answered with 408. Default: any time.
   */
  totalTimeoutMs?: number | undefined
  /**
   * Connections to each target at most. Default 256. Requests beyond that wait for one, to whichever target, in order, up to 1,000 in all;
   * yet more are answered with 503 at once (`ERR_AUTH_UPSTREAM_BUSY`, `Retry-After`). Whose they are is asked again when their turn comes.
   * Web sockets and other upgrades are not counted once they are open.
   */
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
   * Headers that tell the target about the user: names, and the claim that each has. What is no visible ASCII is percent-encoded, and so is
   * `%`; lists are joined by commas, and objects are JSON. `sub` alone tells users of several providers not apart.
   */
  identityHeaders?: Readonly<Record<string, string>> | undefined
  /**
   * All claims of the user as a signed JWT of the type `user-assertion+jwt`, with `provider`, `iss` (the application's origin), `aud` and
   * `exp`.
   */
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
  tls: z
    .strictObject({
      ca: z.custom<ConnectionOptions['ca']>().optional(),
      cert: z.custom<ConnectionOptions['cert']>().optional(),
      key: z.custom<ConnectionOptions['key']>().optional(),
      passphrase: text('the passphrase of the key').optional(),
      servername: text('a host name').optional(),
    })
    .optional(),
  rewrite: fn<(path: string, req: Request) => string>('(path, req) => path').optional(),
  allow: allowSchema.optional(),
  allowOrigins: z.array(originSchema).readonly().optional(),
  identityHeaders: identityHeadersSchema.optional(),
  assertion: assertionSchema.optional(),
  dangerouslyAllowHttp: flag().optional(),
})

const documented: Same<z.input<typeof schema>, ProxyOptions> = true
void documented

type Defaulted =
  | 'token'
  | 'forwardCookies'
  | 'maxReplayBytes'
  | 'connectTimeoutMs'
  | 'headersTimeoutMs'
  | 'idleTimeoutMs'
  | 'connections'

type Defaults = { readonly [K in Defaulted]: Exclude<ProxyOptions[K], undefined> }

const DEFAULTS: Defaults = {
  token: true,
  forwardCookies: [],
  maxReplayBytes: 65_536,
  connectTimeoutMs: 5_000,
  headersTimeoutMs: 30_000,
  idleTimeoutMs: 300_000,
  connections: 256,
}

export type ProxySettings = Omit<ProxyOptions, Defaulted> & Defaults & { readonly targets: readonly Target[] }

/** @throws {AuthError} `ERR_AUTH_OPTIONS`, naming every option that is wrong. */
export function readProxyOptions(
  target: string | URL | readonly (string | URL)[],
  options: ProxyOptions,
  providers: ProxyProviders,
): ProxySettings {
  const targets: readonly unknown[] = Array.isArray(target) ? target : [target]
  const read = readOptions(schema, options, 'proxy()', (given, say) => {
    compare(targets, given, say)
    compareProviders(providers, given, say)
  })
  return { ...DEFAULTS, ...defined(read), targets: (targets as readonly (string | URL)[]).map(readTarget) }
}

function compare(targets: readonly unknown[], given: Readonly<Record<string, unknown>>, say: Say): void {
  const { dangerouslyAllowHttp, socketPath, tls, token } = given
  compareIdentity(given, say)
  // A unix socket is on this machine, whatever the URL says.
  const allowHttp = dangerouslyAllowHttp === true || socketPath !== undefined
  const complaints = targets.map((target) => targetComplaint(target, allowHttp))
  for (const complaint of complaints) if (complaint !== undefined) say('target', complaint)
  if (targets.length === 0) say('target', 'must not be an empty list')
  if (targets.length > 1 && socketPath !== undefined) say('socketPath', 'is for one target, and there are several')
  if (isRecord(tls)) {
    if (complaints.every((complaint) => complaint === undefined) && !targets.some(isHttps))
      say('tls', 'is for https: targets, and there is none')
    const flaw = tlsFlaw(tls)
    if (flaw !== undefined) say('tls', flaw)
  }
  if (token === false)
    for (const name of ['provider', 'resource', 'scope'])
      if (given[name] !== undefined) say(name, 'says whose token goes along, and "token: false" that none does')
}

function compareProviders(providers: ProxyProviders, given: Readonly<Record<string, unknown>>, say: Say): void {
  const { provider, resource } = given
  const key = typeof provider === 'string' ? provider : undefined
  const isKnown = key === undefined || providers.keys.includes(key)
  if (!isKnown) say('provider', `is not configured; there are ${providers.keys.join(', ')}`)
  if (typeof resource !== 'string') return
  if (!isResource(resource)) say('resource', 'must be an absolute URI without a fragment')
  else if (isKnown && !providers.mayKnow(resource, key))
    say('resource', `is not in the "resources" of ${key ?? 'any provider that signs somebody in'}`)
}

function isHttps(target: unknown): boolean {
  return /^https:/i.test(String(target))
}

/** OpenSSL's own words do not quote what it was given. */
function tlsFlaw(tls: ProxyTlsOptions): string | undefined {
  try {
    createSecureContext(tls)
    return undefined
  } catch (error) {
    return `cannot be used (${isError(error) && 'code' in error ? String(error.code) : 'not a certificate or key'})`
  }
}
