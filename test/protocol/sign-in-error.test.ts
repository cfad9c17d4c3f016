import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { inspect } from 'node:util'
import { AuthError } from '../../lib/errors.ts'
import { oauth2 } from '../../lib/providers/index.ts'
import { CODE, connect, startWire, STATE, TRANSACTION, VERIFIER, type Wire, type WireAnswer } from '../support/wire.ts'

const ECHOED = 'what-the-server-repeats'

let wire: Wire
beforeAll(async () => {
  wire = await startWire()
})
afterAll(() => wire.close())

async function failureOf(answer: WireAnswer, response: Record<string, string> = { code: CODE }): Promise<AuthError> {
  wire.answers = { '/token': answer }
  const provider = oauth2({ name: 'Acme', clientId: 'c', clientSecret: 's3cret', host: wire.url, authorizationEndpoint: '/a', tokenEndpoint: '/token' }) // prettier-ignore
  const parameters = new URLSearchParams({ ...response, state: STATE })
  const thrown: unknown = await connect(provider).complete(parameters, STATE, TRANSACTION).catch((error: unknown) => error) // prettier-ignore
  if (!(thrown instanceof AuthError)) throw new Error('it did not fail with an AuthError')
  for (const secret of ['s3cret', CODE, VERIFIER, ECHOED]) {
    expect(inspect(thrown, { depth: 12, showHidden: true })).not.toContain(secret)
  }
  return thrown
}

const says = (status: number, error: string): WireAnswer => ({ status, body: { error, error_description: ECHOED } })

describe('a sign-in that the server refuses names its word and what to look at', () => {
  test.each<[number, string, string, string[]]>([
    [401, 'invalid_client', 'ERR_AUTH_MISCONFIGURED', ['clientId', 'clientSecret', 'clientAuthentication']],
    [400, 'invalid_client', 'ERR_AUTH_MISCONFIGURED', ['clientSecret']],
    [401, 'unauthorized', 'ERR_AUTH_MISCONFIGURED', ['clientSecret']],
    [400, 'unauthorized_client', 'ERR_AUTH_MISCONFIGURED', ['enabled']],
    [400, 'unsupported_grant_type', 'ERR_AUTH_MISCONFIGURED', ['enabled']],
    [400, 'invalid_scope', 'ERR_AUTH_MISCONFIGURED', ['scope']],
    [400, 'invalid_request', 'ERR_AUTH_MISCONFIGURED', ['tokenRequest', 'pkce', 'redirect URI']],
    [400, 'invalid_grant', 'ERR_AUTH_TRANSACTION', ['sign in again']],
  ])('%d %s', async (status, error, code, hints) => {
    const failure = await failureOf(says(status, error))

    expect(failure.code).toBe(code)
    for (const part of ['Acme', `(${error})`, ...hints]) expect(failure.message).toContain(part)
  })

  test('a word that is not registered is not repeated', async () => {
    expect((await failureOf(says(400, ECHOED))).code).toBe('ERR_AUTH_UNAVAILABLE')
    expect((await failureOf({}, { error: ECHOED, error_description: ECHOED })).code).toBe('ERR_AUTH_MISCONFIGURED')
  })

  test.each<[string, string, string]>([
    ['access_denied', 'ERR_AUTH_DENIED', 'Acme'],
    ['login_required', 'ERR_AUTH_REQUIRED', 'Acme'],
    ['temporarily_unavailable', 'ERR_AUTH_UNAVAILABLE', 'Acme'],
    ['invalid_scope', 'ERR_AUTH_MISCONFIGURED', '(invalid_scope); check scope'],
    ['unauthorized_client', 'ERR_AUTH_MISCONFIGURED', '(unauthorized_client); check'],
    ['invalid_request', 'ERR_AUTH_MISCONFIGURED', '(invalid_request); check scope, pkce'],
  ])('the authorization request: %s', async (error, code, expected) => {
    const failure = await failureOf({}, { error, error_description: ECHOED })

    expect(failure.code).toBe(code)
    expect(failure.message).toContain(expected)
  })
})
