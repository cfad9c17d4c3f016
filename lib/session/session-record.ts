import type { SessionData } from 'express-session'

/** What was stored of a session when it was read. */
export interface SessionRecord {
  /** Our corners, by instance name. */
  readonly latchkey: SessionData['latchkey']
  /** Idle time that the session's cookie sets, in milliseconds. */
  readonly originalMaxAge: number | null | undefined
  /** For express-session, which changes it. */
  readonly data: SessionData
}

/** As it came from the store, for one request alone. */
export class FreshRecord implements SessionRecord {
  readonly data: SessionData

  constructor(data: SessionData) {
    this.data = data
  }

  get latchkey(): SessionData['latchkey'] {
    return this.data.latchkey
  }

  get originalMaxAge(): number | null | undefined {
    return this.data.cookie?.originalMaxAge
  }
}
