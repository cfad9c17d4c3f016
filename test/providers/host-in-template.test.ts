import { expect, test } from '@jest/globals'
import { defineProvider } from '../../lib/providers/index.ts'

test('a template that puts a scheme before {host} sends nothing to a host called "https"', () => {
  const describe = (): string | undefined =>
    defineProvider({
      name: 'Acme',
      factory: 'acme',
      requires: ['host'],
      optionalScope: true,
      authorizationEndpoint: 'https://{host}/authorize',
      tokenEndpoint: 'https://{host}/token',
    })({ host: 'eu.acme.example', clientId: 'c' }).metadata.tokenEndpoint

  let endpoint: string | undefined
  try {
    endpoint = describe()
  } catch {
    return // refused where it is described, or where it is used: as good
  }
  expect(new URL(endpoint ?? '').host).toBe('eu.acme.example')
})
