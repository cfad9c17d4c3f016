import { defineProvider } from './define-provider.ts'
import type { ProviderFactory } from './preset.ts'

/** DottedSign; its sandbox is another `host`. `tokenRequest: 'form'` is understood as well by servers of its family. */
export const dottedsign: ProviderFactory<'clientSecret'> = defineProvider({
  name: 'DottedSign',
  factory: 'dottedsign',
  requires: ['clientSecret'],
  host: 'https://api.dottedsign.com',
  authorizationEndpoint: '{host}/v1/oauth/authorize',
  tokenEndpoint: '{host}/v1/oauth/token',
  optionalScope: true,
  clientAuthentication: 'client_secret_post',
  tokenRequest: 'json',
  tokenErrors: [
    // What is not known, and what is not good any more; an answer to a refresh as well.
    { member: 'error_code', values: [401001, 400002, 400003], means: 'invalid_grant' },
    { member: 'error_code', values: [400005], means: 'invalid_client' },
    { member: 'error_code', values: [400008], means: 'invalid_scope' },
    { member: 'error_code', values: [400417], means: 'invalid_request' },
  ],
  rotation: 'rotating-on-use',
  refreshEndsAccessToken: true,
  defaultExpiresIn: 172_800,
  idToken: 'ignore',
  // Documented as 401 on one page and as these on another.
  expiredTokenAnswers: [{ status: 401 }, { status: 400, member: 'error_code', values: [400002, 400003, 401001] }],
})
