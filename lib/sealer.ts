import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'

const KEY_ID_BYTES = 4
const IV_BYTES = 12
const TAG_BYTES = 16

interface Key {
  readonly id: Buffer
  readonly bytes: Buffer
}

/**
 * Encrypts and authenticates short texts (AES-256-GCM). Keys are derived from the secrets per purpose (HKDF, RFC 5869), so
 * that what was sealed for one purpose never opens for another. The first secret seals, all of them open: rotation.
 */
export class Sealer {
  readonly #keys: readonly [Key, ...Key[]]

  constructor(secrets: readonly [string, ...string[]], purpose: string) {
    const derive = (secret: string, length: number, what: string): Buffer =>
      Buffer.from(hkdfSync('sha256', secret, '', `latchkey ${purpose} ${what}`, length))
    const toKey = (secret: string): Key => ({
      id: derive(secret, KEY_ID_BYTES, 'id'),
      bytes: derive(secret, 32, 'key'),
    })
    const [first, ...older] = secrets
    this.#keys = [toKey(first), ...older.map(toKey)]
  }

  /** @param context what the text belongs to; it opens only with the same. */
  seal(text: string, context = ''): string {
    const [key] = this.#keys
    const iv = randomBytes(IV_BYTES)
    const cipher = createCipheriv('aes-256-gcm', key.bytes, iv).setAAD(Buffer.from(context))
    const sealed = [cipher.update(text, 'utf8'), cipher.final()]
    return Buffer.concat([key.id, iv, ...sealed, cipher.getAuthTag()]).toString('base64url')
  }

  /** Was it sealed with the first secret? Goes by the key's id alone; {@link open} checks. */
  isCurrent(sealed: string): boolean {
    return Buffer.from(sealed, 'base64url').subarray(0, KEY_ID_BYTES).equals(this.#keys[0].id)
  }

  /** @returns the text, or `undefined` for whatever was not sealed by us, for this purpose and context. */
  open(sealed: unknown, context = ''): string | undefined {
    if (typeof sealed !== 'string') return undefined
    const bytes = Buffer.from(sealed, 'base64url')
    if (bytes.length < KEY_ID_BYTES + IV_BYTES + TAG_BYTES) return undefined

    const keyId = bytes.subarray(0, KEY_ID_BYTES)
    const iv = bytes.subarray(KEY_ID_BYTES, KEY_ID_BYTES + IV_BYTES)
    const body = bytes.subarray(KEY_ID_BYTES + IV_BYTES, -TAG_BYTES)
    for (const key of this.#keys) {
      if (!key.id.equals(keyId)) continue
      try {
        const decipher = createDecipheriv('aes-256-gcm', key.bytes, iv, { authTagLength: TAG_BYTES })
        decipher.setAAD(Buffer.from(context)).setAuthTag(bytes.subarray(-TAG_BYTES))
        return Buffer.concat([decipher.update(body), decipher.final()]).toString('utf8')
      } catch {
        continue // two secrets may share a key id; only the tag decides
      }
    }
    return undefined
  }
}
