import * as z from 'zod'
import { flag, fn, oneOf, positive, text, type Same } from '../option-reader.ts'
import { isResource } from '../url-rule.ts'
import type { ProviderOptions } from './provider-options.ts'
import { ASYMMETRIC_ALGORITHM, type AnswerPattern, type Identify, type TokenErrorPattern } from './provider.ts'

const endpoint = text('an absolute https: URL, or a path below the host')
const parameters = z.record(z.string(), z.string('must be a string')).readonly()
const pattern = {
  status: z.int().min(100).max(599).optional(),
  member: text('the name of a member').optional(),
  values: z
    .array(z.union([z.string(), z.number()]))
    .readonly()
    .optional(),
}
const MEANINGS = ['invalid_grant', 'invalid_client', 'invalid_request', 'invalid_scope', 'unauthorized_client', 'temporarily_unavailable'] as const // prettier-ignore

/** One that asks for nothing would be about everything. */
function demandSubject(
  { status, member, values }: { readonly [K in keyof AnswerPattern]?: unknown },
  context: z.core.$RefinementCtx,
): void {
  // prettier-ignore
  if (member !== undefined) return
  if (values !== undefined) context.addIssue({ code: 'custom', path: ['values'], message: 'needs "member"' })
  if (status === undefined) context.addIssue({ code: 'custom', message: 'needs "status" or "member"' })
}

const answerPattern = z.strictObject(pattern).readonly().superRefine(demandSubject) as z.ZodType as z.ZodType<
  AnswerPattern,
  AnswerPattern
>
const tokenErrorPattern = z
  .strictObject({ ...pattern, means: oneOf(...MEANINGS) })
  .readonly()
  .superRefine(demandSubject) as z.ZodType as z.ZodType<TokenErrorPattern, TokenErrorPattern>

const schema = z.strictObject({
  clientId: text(),
  clientSecret: text().optional(),
  clientAuthentication: oneOf(
    'none',
    'client_secret_basic',
    'client_secret_basic_raw',
    'client_secret_post',
  ).optional(),
  name: text().optional(),
  host: text('a host name or an https: URL').optional(),
  tenant: text().optional(),
  appId: text().optional(),
  discovery: z.union([flag(), text()], { error: 'must be true, false or a URL' }).optional(),
  issuer: text('an absolute https: URL').optional(),
  authorizationEndpoint: endpoint.optional(),
  tokenEndpoint: endpoint.optional(),
  userInfoEndpoint: endpoint.optional(),
  revocationEndpoint: endpoint.optional(),
  endSessionEndpoint: z
    .union([endpoint, z.literal(false)], { error: 'must be an absolute https: URL, a path below the host, or false' })
    .optional(),
  jwksUri: endpoint.optional(),
  authorizationRequest: oneOf('get', 'post', 'post-query').optional(),
  scope: z
    .custom<string>((value) => typeof value === 'string', { error: 'must be scope names separated by blanks' })
    .optional(),
  authorizationParameters: parameters.optional(),
  resources: z
    .array(z.custom<string>(isResource, { error: 'must be an absolute URI without a fragment' }), 'must be a list') // prettier-ignore
    .readonly()
    .optional(),
  responseMode: oneOf('query', 'form_post').optional(),
  pkce: oneOf('S256', 'off').optional(),
  redirectUri: text('the redirect URI as it is registered').optional(),
  tokenRequest: oneOf('form', 'json', 'query').optional(),
  tokenRequestContentType: z.string().regex(/^[\w.+-]+\/[\w.+-]+(?:; ?[\w.-]+=[\w.-]+)*$/, 'must be a media type').optional(), // prettier-ignore
  requestHeaders: parameters.optional(),
  refreshRequest: z
    .strictObject({
      redirectUri: flag().optional(),
      codeVerifier: flag().optional(),
      scope: flag().optional(),
      clientAuthentication: flag().optional(),
    })
    .readonly()
    .optional(),
  defaultExpiresIn: positive('seconds').optional(),
  tokenErrors: z.array(tokenErrorPattern, 'must be a list').readonly().optional(),
  rotation: z
    .union(
      [
        oneOf('rotating', 'rotating-on-use', 'reusable'),
        z.strictObject({ graceMs: positive('milliseconds') }).readonly(),
      ],
      { error: `must be 'rotating', 'rotating-on-use', 'reusable' or { graceMs: … }` },
    ) // prettier-ignore
    .optional(),
  refreshEndsAccessToken: flag().optional(),
  idToken: oneOf('validate', 'ignore').optional(),
  idTokenSigningAlg: z
    .string()
    .regex(ASYMMETRIC_ALGORITHM, 'must be an asymmetric algorithm, such as RS256')
    .optional(),
  clockToleranceSeconds: z.int('must be a whole number of seconds').min(0).max(300, 'must be at most 300').optional(),
  identity: z
    .union(
      [
        fn<Identify>('(context) => user'),
        z
          .strictObject({
            url: endpoint,
            subject: text(),
            within: text().optional(),
            claims: z.array(text()).readonly().optional(),
          })
          .readonly(),
        z.literal('userinfo'),
      ],
      { error: `must be { url: …, subject: … }, 'userinfo' or a function, (context) => user` },
    )
    .optional(),
  userInfoParameters: parameters.optional(),
  expiredTokenAnswers: z.array(answerPattern, 'must be a list').readonly().optional(),
  revocation: oneOf('refresh_token', 'access_token', 'none').optional(),
  sendIdTokenHint: flag().optional(),
  acceptUntypedLogoutTokens: flag().optional(),
  dangerouslyAllowHttp: flag().optional(),
})

const documented: Same<z.input<typeof schema>, ProviderOptions> = true
void documented

export const providerSchema: z.ZodType<ProviderOptions, ProviderOptions> = schema

const { clientId: _c, clientSecret: _s, tenant: _t, appId: _a, redirectUri: _r, dangerouslyAllowHttp: _d, ...presettable } = schema.shape // prettier-ignore

/** `Preset`, of which any part may come from JavaScript. */
export const presetSchema: z.ZodType = z.strictObject({
  ...presettable,
  factory: text().optional(),
  requires: z
    .array(
      oneOf(
        'host',
        'tenant',
        'appId',
        'clientSecret',
        'scope',
        'issuer',
        'authorizationEndpoint',
        'tokenEndpoint',
        'identity',
      ),
    ) // prettier-ignore
    .readonly()
    .optional(),
  discovery: flag().optional(),
  discoveryUrl: endpoint.optional(),
  appDiscoveryUrl: endpoint.optional(),
  optionalScope: flag().optional(),
  demandsOpenid: flag().optional(),
  offlineAccessPrompt: flag().optional(),
})
