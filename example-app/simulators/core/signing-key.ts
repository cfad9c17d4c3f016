import { createPublicKey, generateKeyPairSync, sign, verify, type JsonWebKey, type KeyObject } from 'node:crypto'

/** A real RS256 key: what it signs, a client can verify with {@link SigningKey.jwks}. */
export class SigningKey {
  readonly kid: string

  constructor(kid: string) {
    this.kid = kid
  }

  /**
   * @param header more members; one that names `kid` chooses the order of all.
   * @returns a JWT (RFC 7519) in compact form.
   */
  sign(claims: Readonly<Record<string, unknown>>, header: Readonly<Record<string, unknown>> = {}): string {
    const fixed = { alg: 'RS256', kid: this.kid }
    const signed = `${encode('kid' in header ? { ...header, ...fixed } : { ...fixed, ...header })}.${encode(claims)}`
    return `${signed}.${sign('sha256', Buffer.from(signed), privateKey(this.kid)).toString('base64url')}`
  }

  /** @returns the claims of a JWT that this key has signed, whenever that was; else `undefined`. */
  verify(jwt: string): Readonly<Record<string, unknown>> | undefined {
    const [header = '', claims = '', signature = ''] = jwt.split('.')
    const signed = Buffer.from(`${header}.${claims}`)
    const isOurs = verify('sha256', signed, createPublicKey(privateKey(this.kid)), Buffer.from(signature, 'base64url'))
    return isOurs ? (JSON.parse(Buffer.from(claims, 'base64url').toString()) as Record<string, unknown>) : undefined
  }

  /** The public half, as a `jwks_uri` serves it (RFC 7517 §5). */
  jwks(): { readonly keys: readonly JsonWebKey[] } {
    const key = createPublicKey(privateKey(this.kid)).export({ format: 'jwk' })
    return { keys: [{ ...key, kid: this.kid, alg: 'RS256', use: 'sig' }] }
  }
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

const generated = new Map<string, KeyObject>()

/** One per process and `kid`, made when it is needed: a key takes longer to make than all else a simulator does. */
function privateKey(kid: string): KeyObject {
  const known = generated.get(kid)
  if (known !== undefined) return known
  const { privateKey: key } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  generated.set(kid, key)
  return key
}
