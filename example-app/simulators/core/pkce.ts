import { createHash } from 'node:crypto'

/** Whether this is the verifier behind an S256 challenge (RFC 7636 §4.6). */
export function verifierMatches(verifier: string, challenge: string): boolean {
  return (
    /^[A-Za-z0-9\-._~]{43,128}$/.test(verifier) &&
    createHash('sha256').update(verifier).digest('base64url') === challenge
  )
}

/** Whether this can be an S256 challenge: 32 bytes in base64url without padding (RFC 7636 §4.2). */
export function isS256Challenge(challenge: string): boolean {
  return /^[A-Za-z0-9_-]{43}$/.test(challenge)
}
