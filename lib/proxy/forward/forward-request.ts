import type { Upload } from './request-body.ts'

/** What goes to a target, whichever it is. */
export interface ForwardRequest {
  /** And query, below the target. */
  readonly path: string
  readonly method: string
  /** Flat: name, value, name, value. */
  readonly headers: string[]
  readonly body: Buffer | Upload | null
  /** Protocols to go on in (RFC 9110 §7.8). */
  readonly upgrade?: string | undefined
}
