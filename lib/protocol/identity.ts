import { AuthError } from '../errors.ts'
import type { IdentifiedUser, Identify, IdentityEndpoint } from '../providers/provider.ts'
import type { Runtime } from '../runtime.ts'
import { isRecord } from '../option-reader.ts'
import { withDeadline } from './deadline.ts'
import { providerFetch } from './provider-fetch.ts'
import { TOKEN_CLAIMS } from './token-claims.ts'

export interface IdentitySettings {
  /** Of the provider, for messages. */
  readonly name: string
  readonly allowHttp: boolean
  readonly requestHeaders: Readonly<Record<string, string>>
  readonly timeoutMs: number
}

/** All of it goes into the session. */
const MAX_BODY_BYTES = 64 * 1024

const RETRY_AFTER_SECONDS = 5

/**
 * Finds out whose access token this is.
 *
 * @throws {AuthError} `ERR_AUTH_UNAVAILABLE` while that cannot be asked, `ERR_AUTH_MISCONFIGURED` if the API refuses the token,
 * `ERR_AUTH_UNTRUSTED` if the answer names nobody.
 */
export async function identify(
  identity: Identify | IdentityEndpoint,
  accessToken: string,
  settings: IdentitySettings,
  runtime: Runtime,
): Promise<IdentifiedUser> {
  return withDeadline(settings.timeoutMs, runtime, async (signal) =>
    ask(identity, accessToken, settings, runtime, signal),
  )
}

async function ask(
  identity: Identify | IdentityEndpoint,
  accessToken: string,
  settings: IdentitySettings,
  runtime: Runtime,
  signal: AbortSignal,
): Promise<IdentifiedUser> {
  const { allowHttp, requestHeaders } = settings
  const reach = providerFetch(runtime, { allowHttp, requestHeaders, maxBodyBytes: MAX_BODY_BYTES })
  const fetch = async (url: string | URL, init: RequestInit = {}): Promise<Response> => {
    const headers = new Headers(init.headers)
    headers.set('authorization', `Bearer ${accessToken}`)
    const { method = 'GET', body, signal: own } = init
    return reach(new URL(url).href, {
      method,
      headers: Object.fromEntries(headers),
      body: (body ?? undefined) as string | undefined,
      redirect: 'manual',
      signal: own === undefined || own === null ? signal : AbortSignal.any([signal, own]),
    })
  }
  if (typeof identity !== 'function') return askEndpoint(identity, fetch, signal, settings)
  try {
    const asked = Promise.resolve(identity({ accessToken, fetch, signal }))
    return withSubject(await Promise.race([asked, rejection(signal)]), 'sub', settings)
  } catch (cause) {
    throw cause instanceof AuthError ? cause : unavailable(settings, cause)
  }
}

async function askEndpoint(
  { url, subject, within, claims }: IdentityEndpoint,
  fetch: (url: string, init: RequestInit) => Promise<Response>,
  signal: AbortSignal,
  settings: IdentitySettings,
): Promise<IdentifiedUser> {
  const { name } = settings
  let status: number
  let answer: unknown
  try {
    const response = await fetch(url, { headers: { accept: 'application/json' }, signal })
    status = response.status
    answer = status === 200 ? await response.json() : undefined
  } catch (cause) {
    throw unavailable(settings, cause)
  }
  if (status >= 400 && status < 500 && status !== 408 && status !== 429) {
    throw new AuthError('ERR_AUTH_MISCONFIGURED', `${name} answers ${status} when asked who has signed in; check "identity" and the scope`) // prettier-ignore
  }
  if (status !== 200) throw unavailable(settings, undefined)
  const user = withSubject(within === undefined || !isRecord(answer) ? answer : answer[within], subject, settings)
  return { ...pick(user, (member) => (claims?.includes(member) ?? true) && !isAboutToken(member)), sub: user.sub }
}

/** A UserInfo endpoint may put its answer into the frame of a JWT (OIDC Core §5.3.2). */
function isAboutToken(name: string): boolean {
  return name === 'iss' || TOKEN_CLAIMS.has(name)
}

/** Whoever is called nothing, or by a number that was rounded on the way, could be somebody else as well. */
function withSubject(answer: unknown, member: string, { name }: IdentitySettings): IdentifiedUser {
  const subject = isRecord(answer) ? answer[member] : undefined
  const isNamed = (typeof subject === 'string' && subject !== '') || Number.isSafeInteger(subject)
  if (isRecord(answer) && isNamed) return { ...pick(answer, isHarmless), sub: String(subject) }
  throw new AuthError('ERR_AUTH_UNTRUSTED', `the answer of ${name} to who has signed in names nobody: "${member}" is missing, or neither a text nor a whole number`) // prettier-ignore
}

/** Copied into another object, the rest would change what that inherits. */
function isHarmless(name: string): boolean {
  return name !== '__proto__' && name !== 'constructor' && name !== 'prototype'
}

function pick(object: Readonly<Record<string, unknown>>, isWanted: (name: string) => boolean): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).filter(([name]) => isWanted(name)))
}

function unavailable({ name }: IdentitySettings, cause: unknown): AuthError {
  return new AuthError('ERR_AUTH_UNAVAILABLE', `${name} cannot be asked who has signed in`, {
    cause,
    retryAfterSeconds: RETRY_AFTER_SECONDS,
  })
}

/** Whatever the application's function waits for. */
async function rejection(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
  })
}
