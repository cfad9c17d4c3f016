import type { GrantStore } from '../../lib/index.ts'

type Operation = keyof GrantStore

/** A grant store that fails on command. What it has acknowledged, it keeps. */
export interface UnreliableStore {
  /** For the application. */
  readonly store: GrantStore
  /** From now on these operations, or all of them, are refused before anything happens. */
  refuse(...operations: readonly Operation[]): void
  /** From now on these operations, or all of them, neither happen nor are answered; once it is back they happen, in their order. */
  hang(...operations: readonly Operation[]): void
  /** From now on these operations, or all of them, happen, and the answer is lost. */
  loseAnswersOf(...operations: readonly Operation[]): void
  /** The store is as good as new. */
  back(): void
  /** How often an operation was asked for. */
  calls(operation: Operation): number
}

/** @param real does the work. */
export function unreliable(real: GrantStore): UnreliableStore {
  const modes = new Map<Operation | 'all', 'refuse' | 'hang' | 'lose'>()
  const counts = new Map<Operation, number>()
  const waiting: (() => void)[] = []
  const set = (mode: 'refuse' | 'hang' | 'lose', operations: readonly Operation[]): void => {
    for (const operation of operations.length === 0 ? (['all'] as const) : operations) modes.set(operation, mode)
  }

  async function perform(name: Operation, work: () => Promise<unknown>): Promise<unknown> {
    counts.set(name, (counts.get(name) ?? 0) + 1)
    const mode = modes.get(name) ?? modes.get('all')
    if (mode === 'refuse') throw new Error('connection refused')
    if (mode === 'hang') await new Promise<void>((resolve) => waiting.push(resolve))
    const answer = await work()
    if (mode === 'lose') throw new Error('connection lost')
    return answer
  }

  const store = new Proxy(real, {
    get(target, name: Operation) {
      const operation = target[name] as unknown as (...args: unknown[]) => Promise<unknown>
      if (typeof operation !== 'function') return operation
      return async (...args: unknown[]) => perform(name, () => operation.apply(target, args))
    },
    has: (target, name) => name in target,
  })
  return {
    store,
    refuse: (...operations) => set('refuse', operations),
    hang: (...operations) => set('hang', operations),
    loseAnswersOf: (...operations) => set('lose', operations),
    back() {
      modes.clear()
      for (const go of waiting.splice(0)) go()
    },
    calls: (operation) => counts.get(operation) ?? 0,
  }
}
