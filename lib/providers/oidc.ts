import * as z from 'zod'
import { flag, isRecord, oneOf, positive, readOptions, text, type Same, type Say } from '../option-reader.ts'
import { extrasOf, urlComplaint } from '../url-rule.ts'
import { ASYMMETRIC_ALGORITHM, type ClientAuthentication, type Provider, type Rotation } from './provider.ts'

export interface OidcOptions {
  /** The issuer, exactly as the server writes it, or the full URL of its metadata document. */
  issuer: string
  clientId: string
  /** Leave out for a public client (PKCE alone). */
  clientSecret?: string | undefined
  /** Default: `client_secret_basic` if the server's metadata offers it, else `client_secret_post`; `none` without a secret. */
  clientAuthentication?: ClientAuthentication | undefined
  /** Space-separated, `openid` among them. Default `openid`. Most servers issue a refresh token only with `offline_access`. */
  scope?: string | undefined
  /** `form_post` keeps the code out of URLs and server logs. Default `query`. */
  responseMode?: 'query' | 'form_post' | undefined
  /** Extra parameters of every authorization request, such as `audience` or `prompt`. */
  authorizationParameters?: Readonly<Record<string, string>> | undefined
  /** The resource servers that `accessToken({ resource })` may ask tokens for: absolute URIs (RFC 8707 §2.1). Default none. */
  resources?: readonly string[] | undefined
  /** Pins the one `alg` accepted for ID Tokens. Default: the asymmetric ones that the metadata lists. */
  idTokenSigningAlg?: string | undefined
  /**
   * Default `rotating`, which is safe for all. `reusable`, or `{ graceMs }` where a spent refresh token is accepted again for so long,
   * recovers sooner from a lost answer.
   */
  rotation?: Rotation | undefined
  /**
   * Does a refresh end the access token before it? Then a request that cannot be sent again waits for a refresh that is due, rather than
   * being refused with the old token. Default `false`.
   */
  refreshEndsAccessToken?: boolean | undefined
  /**
   * Sends `id_token_hint` at sign-out, for servers that do not sign out without it. Puts the ID Token into a URL, and so into the
   * browser's history and logs on the way. Default `false`: the client is named by `client_id` alone.
   */
  sendIdTokenHint?: boolean | undefined
  /** How far the server's clock may be off. Seconds, default 30. */
  clockToleranceSeconds?: number | undefined
  /**
   * Accepts logout tokens whose `typ` is not `logout+jwt` but absent or `JWT`, for servers from before that was specified. What the server
   * signs for another purpose is then told from them by its claims alone. Default `false`.
   */
  acceptUntypedLogoutTokens?: boolean | undefined
  /** Sends secrets and tokens in clear text, readable and changeable by anyone on the way. */
  dangerouslyAllowHttp?: boolean | undefined
}

/** What the flow itself sets; overriding one of these would switch a protection off. */
const RESERVED = [
  'client_id', 'code_challenge', 'code_challenge_method', 'max_age', 'nonce', 'redirect_uri', 'request', 'request_uri', 'response_mode',
  'response_type', 'scope', 'state',
] // prettier-ignore

const schema = z.strictObject({
  issuer: z.custom<string>((value) => typeof value === 'string', { error: 'must be a URL' }),
  clientId: text(),
  clientSecret: text().optional(),
  clientAuthentication: oneOf('none', 'client_secret_basic', 'client_secret_post').optional(),
  scope: text('scope names separated by blanks').optional(),
  responseMode: oneOf('query', 'form_post').optional(),
  authorizationParameters: z.record(z.string(), z.string('must be a string')).readonly().optional(),
  resources: z
    .array(
      z.custom<string>((value) => typeof value === 'string' && URL.canParse(value) && !value.includes('#'), {
        error: 'must be an absolute URI without a fragment',
      }),
      'must be a list',
    ) // prettier-ignore
    .readonly()
    .optional(),
  idTokenSigningAlg: z
    .string()
    .regex(ASYMMETRIC_ALGORITHM, 'must be an asymmetric algorithm, such as RS256')
    .optional(),
  rotation: z
    .union([oneOf('rotating', 'reusable'), z.strictObject({ graceMs: positive('milliseconds') }).readonly()], {
      error: `must be 'rotating', 'reusable' or { graceMs: … }`,
    })
    .optional(),
  refreshEndsAccessToken: flag().optional(),
  sendIdTokenHint: flag().optional(),
  clockToleranceSeconds: z.int('must be a whole number of seconds').min(0).max(300, 'must be at most 300').optional(),
  acceptUntypedLogoutTokens: flag().optional(),
  dangerouslyAllowHttp: flag().optional(),
})

const documented: Same<z.input<typeof schema>, OidcOptions> = true
void documented

/**
 * Any OpenID Connect server that publishes its metadata (OpenID Connect Discovery 1.0).
 *
 * @throws {AuthError} `ERR_AUTH_OPTIONS`, naming every option that is wrong.
 */
export function oidc(options: OidcOptions): Provider {
  const read = readOptions(schema, options, 'oidc()', compare)
  const provider = {
    name: new URL(read.issuer).host,
    discoveryUrl: read.issuer,
    clientId: read.clientId,
    clientAuthentication: read.clientAuthentication,
    scope: read.scope ?? 'openid',
    authorizationParameters: Object.freeze({ ...read.authorizationParameters }),
    resources: Object.freeze([...(read.resources ?? [])]),
    responseMode: read.responseMode ?? 'query',
    idTokenSigningAlg: read.idTokenSigningAlg,
    rotation: read.rotation ?? 'rotating',
    refreshEndsAccessToken: read.refreshEndsAccessToken === true,
    sendIdTokenHint: read.sendIdTokenHint === true,
    clockToleranceSeconds: read.clockToleranceSeconds ?? 30,
    acceptUntypedLogoutTokens: read.acceptUntypedLogoutTokens === true,
    allowHttp: read.dangerouslyAllowHttp === true,
  }
  return Object.freeze(Object.defineProperty(provider, 'clientSecret', { value: read.clientSecret }) as Provider)
}

function compare(options: Readonly<Record<string, unknown>>, say: Say): void {
  const { issuer, dangerouslyAllowHttp, authorizationParameters, scope, clientAuthentication, clientSecret } = options
  if (typeof issuer === 'string') {
    const complaint = urlComplaint(issuer, dangerouslyAllowHttp === true) ?? extrasOf(issuer)
    if (complaint !== undefined) say('issuer', complaint)
  }
  for (const name of Object.keys(isRecord(authorizationParameters) ? authorizationParameters : {})) {
    if (RESERVED.includes(name)) say(`authorizationParameters.${name}`, 'is set by the flow itself')
  }
  if (typeof scope === 'string' && !scope.split(' ').includes('openid')) {
    say('scope', 'must contain openid (OIDC Core §3.1.2.1)')
  }
  if (clientAuthentication === 'none' && clientSecret !== undefined) {
    say('clientSecret', `is never sent with clientAuthentication 'none'; leave one of them out`)
  }
  if (
    typeof clientAuthentication === 'string' &&
    clientAuthentication.startsWith('client_secret') &&
    clientSecret === undefined
  ) {
    say('clientSecret', 'is missing, this "clientAuthentication" needs it')
  }
}
