import {
  dottedsign,
  hcss,
  healthkey,
  oidc,
  privo,
  theIdentityHub,
  type Provider,
  type ProviderOptions,
} from 'latchkey/providers'

import { oneOf, url, type Environment } from './environment.ts'

/** By the names that `PROVIDER` has for them. What is missing they say themselves. */
const PRESETS = {
  healthkey: (options: ProviderOptions) => healthkey(options as Parameters<typeof healthkey>[0]),
  hcss: (options: ProviderOptions) => hcss(options as Parameters<typeof hcss>[0]),
  'the-identity-hub': (options: ProviderOptions) => theIdentityHub(options as Parameters<typeof theIdentityHub>[0]),
  privo: (options: ProviderOptions) => privo(options as Parameters<typeof privo>[0]),
  dottedsign: (options: ProviderOptions) => dottedsign(options as Parameters<typeof dottedsign>[0]),
} as const

/** The variables of all providers, by the option that each sets. */
const CLIENT = {
  clientId: 'CLIENT_ID',
  clientSecret: 'CLIENT_SECRET',
  clientAuthentication: 'CLIENT_AUTH_METHOD',
  scope: 'SCOPE',
} as const

/** The variables of presets. */
const PLACE = {
  host: 'PROVIDER_HOST',
  tenant: 'PROVIDER_TENANT',
  appId: 'PROVIDER_APP_ID',
  issuer: 'PROVIDER_ISSUER',
  discovery: 'PROVIDER_DISCOVERY',
  tokenEndpoint: 'PROVIDER_TOKEN_PATH',
  tokenRequest: 'PROVIDER_TOKEN_REQUEST',
  tokenRequestContentType: 'PROVIDER_TOKEN_CONTENT_TYPE',
  redirectUri: 'PROVIDER_REDIRECT_URI',
} as const

const METHODS = ['client_secret_basic', 'client_secret_post', 'none'] as const

/** The provider that the environment names: by `ISSUER_URL` or by `PROVIDER`. `undefined`: none, so the demo. */
export function readProvider(environment: Environment): Provider | undefined {
  if (environment.isSet('PROVIDER')) return readPreset(environment)

  for (const name of Object.values(PLACE)) {
    if (environment.isSet(name)) environment.say(name, 'is set, but PROVIDER is not, which it belongs to')
  }
  if (environment.isSet('ISSUER_URL')) return readIssuer(environment)

  for (const name of Object.values(CLIENT)) {
    // Starting the demo instead of the provider that was meant would be a riddle.
    if (!environment.isSet(name)) continue
    environment.say(name, 'is set, but neither ISSUER_URL nor PROVIDER is: set one of them, or none for the demo')
  }
  return undefined
}

function readIssuer(environment: Environment): Provider | undefined {
  const options = {
    issuer: environment.read('ISSUER_URL', url) ?? '',
    clientId: environment.text('CLIENT_ID') ?? '',
    clientSecret: environment.text('CLIENT_SECRET'),
    clientAuthentication: environment.read('CLIENT_AUTH_METHOD', oneOf(...METHODS)),
    // Without `offline_access` many servers issue no refresh token, and users would have to come back every few minutes.
    scope: environment.text('SCOPE') ?? 'openid profile email offline_access',
  }
  return make(environment, { ...CLIENT, issuer: 'ISSUER_URL' }, () => oidc(options))
}

function readPreset(environment: Environment): Provider | undefined {
  const preset = environment.read('PROVIDER', oneOf(...(Object.keys(PRESETS) as (keyof typeof PRESETS)[])))
  if (environment.isSet('ISSUER_URL')) environment.say('ISSUER_URL', 'is set, and so is PROVIDER: unset one of them')
  const methods = oneOf('client_secret_basic', 'client_secret_basic_raw', 'client_secret_post', 'none')
  const options = {
    clientId: environment.text('CLIENT_ID') ?? '',
    clientSecret: environment.text('CLIENT_SECRET'),
    clientAuthentication: environment.read('CLIENT_AUTH_METHOD', methods),
    scope: environment.text('SCOPE'),
    host: environment.text('PROVIDER_HOST'),
    tenant: environment.text('PROVIDER_TENANT'),
    appId: environment.text('PROVIDER_APP_ID'),
    issuer: environment.text('PROVIDER_ISSUER'),
    discovery: environment.read('PROVIDER_DISCOVERY', oneOf('true', 'false')),
    tokenEndpoint: environment.text('PROVIDER_TOKEN_PATH'),
    tokenRequest: environment.read('PROVIDER_TOKEN_REQUEST', oneOf('form', 'json', 'query')),
    tokenRequestContentType: environment.text('PROVIDER_TOKEN_CONTENT_TYPE'),
    redirectUri: environment.text('PROVIDER_REDIRECT_URI'),
  }
  if (preset === undefined) return undefined
  const discovery = options.discovery === undefined ? undefined : options.discovery === 'true'
  return make(environment, { ...CLIENT, ...PLACE }, () => PRESETS[preset]({ ...options, discovery }))
}

/** What the factory says of its options is said of the variables that they came from. */
function make(
  environment: Environment,
  variables: Readonly<Record<string, string>>,
  factory: () => Provider,
): Provider | undefined {
  if (!environment.isSet('CLIENT_ID')) environment.say('CLIENT_ID', 'is missing: the provider handed one out')
  try {
    return factory()
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error) || error.code !== 'ERR_AUTH_OPTIONS') throw error
    for (const [, option = '', complaint = ''] of error.message.matchAll(/"(\w+)" (.+?)(?=; "\w+" |$)/g)) {
      const name = variables[option] ?? option
      // What is wrong by itself has been said above.
      if (environment.problems.some((problem) => problem.startsWith(`${name} `))) continue
      environment.say(name, inVariables(complaint, variables))
    }
    if (environment.problems.length === 0) environment.say('PROVIDER', error.message)
    return undefined
  }
}

function inVariables(complaint: string, variables: Readonly<Record<string, string>>): string {
  return complaint.replaceAll(/\b[a-z]+(?:[A-Z][a-z]+)+\b/g, (word) => variables[word] ?? word)
}
