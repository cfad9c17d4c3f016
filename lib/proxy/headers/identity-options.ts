import { KeyObject, type webcrypto } from 'node:crypto'
import * as z from 'zod'
import { isRecord, positive, text, type Say } from '../../option-reader.ts'
import { folded, isAboutTheMessage, TOKEN } from './header-names.ts'

/** A signed statement about the user. */
export interface AssertionOptions {
  /** To sign with: a private key, or a secret of 32 bytes or more that the target has too. */
  key: KeyObject | webcrypto.CryptoKey | Uint8Array
  /** JWS algorithm (RFC 7518 §3.1). Default by the key: `HS256`, `RS256`, `ES256` and its like, `EdDSA`; a CryptoKey has its own. */
  alg?: string | undefined
  /** Default `x-user-assertion`. */
  header?: string | undefined
  /** `aud`. Default: the origin of the (first) target. */
  audience?: string | undefined
  /** Default 60. It is used again for half of that. */
  lifetimeSeconds?: number | undefined
}

export const DEFAULT_HEADER = 'x-user-assertion'

const KEY = 'must be a private key (KeyObject or CryptoKey), or a secret of 32 bytes or more'
const HEADER = 'must be the name of a header that says nothing else, such as x-user-id'

const headerName = z.custom<string>(
  (value) => typeof value === 'string' && TOKEN.test(value) && !isAboutTheMessage(value.toLowerCase()),
  { error: HEADER },
)

export const identityHeadersSchema: z.ZodType<Readonly<Record<string, string>>, Readonly<Record<string, string>>> = z
  .record(z.string(), text('the name of a claim'))
  .readonly()

export const assertionSchema: z.ZodType<AssertionOptions, AssertionOptions> = z.strictObject({
  key: z.custom<AssertionOptions['key']>((value) => algorithmsOf(value).length > 0, { error: KEY }),
  alg: text('the name of a JWS algorithm').optional(),
  header: headerName.optional(),
  audience: text('whom the assertion is for').optional(),
  lifetimeSeconds: positive('seconds').optional(),
})

/** What of these options depends on each other. */
export function compareIdentity({ identityHeaders, assertion }: Readonly<Record<string, unknown>>, say: Say): void {
  const names = isRecord(identityHeaders) ? Object.keys(identityHeaders) : []
  if (names.some((name) => !headerName.safeParse(name).success)) say('identityHeaders', `has a name that ${HEADER}`)
  const { key, alg, header = DEFAULT_HEADER } = isRecord(assertion) ? assertion : {}
  if (assertion !== undefined && typeof header === 'string') names.push(header)
  const distinct = new Set(names.map((name) => folded(name.toLowerCase())))
  if (distinct.size < names.length)
    say('identityHeaders', 'and "assertion" have two names that some servers take for the same')
  const algorithms = algorithmsOf(key)
  if (typeof alg === 'string' && algorithms.length > 0 && !algorithms.includes(alg))
    say('assertion.alg', `does not go with the key; it must be ${algorithms.join(' or ')}`)
}

const BY_CURVE: Readonly<Record<string, string>> = { prime256v1: 'ES256', secp384r1: 'ES384', secp521r1: 'ES512' }

/** By the name of WebCrypto's algorithm, of those that have a hash. */
const BY_NAME: Readonly<Record<string, string>> = { 'RSASSA-PKCS1-v1_5': 'RS', 'RSA-PSS': 'PS', HMAC: 'HS' }

/** What can be signed with a key, the default first. Empty: nothing. */
export function algorithmsOf(key: unknown): readonly string[] {
  if (key instanceof Uint8Array) return key.length >= 32 ? ['HS256', 'HS384', 'HS512'] : []
  if (isCryptoKey(key)) return algorithmsOfCryptoKey(key)
  if (!(key instanceof KeyObject)) return []
  if (key.type === 'secret') return (key.symmetricKeySize ?? 0) >= 32 ? ['HS256', 'HS384', 'HS512'] : []
  if (key.type !== 'private') return []
  const { asymmetricKeyType, asymmetricKeyDetails } = key
  if (asymmetricKeyType === 'rsa') return ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']
  if (asymmetricKeyType === 'ed25519') return ['EdDSA', 'Ed25519']
  const byCurve = BY_CURVE[asymmetricKeyDetails?.namedCurve ?? '']
  return byCurve === undefined ? [] : [byCurve]
}

/** One is for a single algorithm, and what it may be used for is said. */
function algorithmsOfCryptoKey(key: webcrypto.CryptoKey): readonly string[] {
  if (!key.usages.includes('sign')) return []
  const all = algorithmsOf(KeyObject.from(key))
  const { name, hash } = key.algorithm as { name: string; hash?: { name: string } }
  const family = BY_NAME[name]
  return family === undefined ? all : all.filter((alg) => alg === family + hash?.name.slice('SHA-'.length))
}

function isCryptoKey(value: unknown): value is webcrypto.CryptoKey {
  return Object.prototype.toString.call(value) === '[object CryptoKey]'
}
