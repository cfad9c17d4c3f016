import { readSession, type SignedIn } from './session.ts'

/** A refresh, in milliseconds since the calls began. */
export interface Refresh {
  readonly at: number
  readonly generation: number
}

const EVERY_MS = 150

/**
 * Notes when the token is refreshed while `work` goes on.
 *
 * @param before as it was at the start; its time is what the others are counted from, by the server's clock alone.
 */
export async function refreshesDuring(
  work: Promise<unknown>,
  before: SignedIn,
  sessionUrl: string,
): Promise<readonly Refresh[]> {
  const seen = new Map<number, number>()
  let isOver = false
  const over = work.finally(() => {
    isOver = true
  })
  for (let isLast = false; !isLast;) {
    await Promise.race([over, pause()])
    isLast = isOver
    const session = await readSession(sessionUrl)
    if (session.signedIn) seen.set(session.token.generation, session.token.refreshedAt)
  }
  seen.delete(before.token.generation)
  return [...seen].map(([generation, refreshedAt]) => ({ generation, at: Math.max(0, refreshedAt - before.now) }))
}

async function pause(): Promise<void> {
  await new Promise((resolve) => {
    setTimeout(resolve, EVERY_MS)
  })
}
