/** What goes wrong with the requests of one kind. All of it may be changed at any time. */
export interface Faults {
  /** Between the arrival of a request and its processing. */
  delayMs: number
  /** A request is processed only after this has resolved: a gate for race tests. */
  hold: Promise<void> | undefined
  /** Between the processing of a request and its answer. */
  answerDelayMs: number
  /** So many of the next requests are processed, and then the connection is cut without an answer. */
  dropAnswers: number
  /** So many of the next requests are processed, and then answered with a 500 page. */
  failAnswers: number
}

/** Requests by what they are about; a page for the user is never subject to faults. */
export type FaultyEndpoint = 'token' | 'api'

export function noFaults(): Faults {
  return { delayMs: 0, hold: undefined, answerDelayMs: 0, dropAnswers: 0, failAnswers: 0 }
}
