import { createCipheriv } from 'node:crypto'

/** A body in which every changed, lost or repeated byte shows; the same each time. */
export function bytes(size) {
  return createCipheriv('aes-128-ctr', Buffer.alloc(16), Buffer.alloc(16)).update(Buffer.alloc(size))
}
