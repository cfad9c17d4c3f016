/** What kind of thing a step is; a run draws how often each kind comes. */
export type Kind =
  'go' | 'call' | 'time' | 'leases' | 'pause' | 'store-fault' | 'server-fault' | 'crash' | 'sign-out' | 'identity'

export interface Step {
  /** In the words of the model's traces. A fixed trace names its steps by these. */
  readonly label: string
  readonly kind: Kind
  readonly run: () => void
  /** Something that takes its time: much else will have happened before. */
  readonly isSlow?: boolean
}

/** Who must be awake for a step to happen. The network and the servers behind it always are. */
export interface Actor {
  readonly isAwake: boolean
}

/** Alternatives, of which one will happen, some time or never. */
export interface Offer {
  readonly steps: readonly Step[]
  readonly actor: Actor | undefined
  readonly when: (() => boolean) | undefined
}

/**
 * All that may happen next. Nothing of it happens by itself: whatever an engine waits for is a step here, so that pauses of any length
 * lie between any two of them, and each interleaving is one order of choices.
 */
export class Steps {
  readonly #offers = new Set<Offer>()
  readonly #isSlow: (nth: number) => boolean
  #count = 0

  /** @param isSlow will the n-th thing that is offered take its time? */
  constructor(isSlow: (nth: number) => boolean) {
    this.#isSlow = isSlow
  }

  offer(steps: readonly Step[], actor?: Actor, when?: () => boolean): Offer {
    this.#count += 1
    const isSlow = this.#isSlow(this.#count)
    const offer: Offer = {
      actor,
      when,
      steps: steps.map((step) => ({
        ...step,
        isSlow,
        run: () => {
          this.#offers.delete(offer)
          step.run()
        },
      })),
    }
    this.#offers.add(offer)
    return offer
  }

  withdraw(offer: Offer): void {
    this.#offers.delete(offer)
  }

  /** An engine has died: what it would have done does not happen. */
  withdrawAll(actor: Actor): void {
    for (const offer of this.#offers) if (offer.actor === actor) this.#offers.delete(offer)
  }

  get isEmpty(): boolean {
    return this.#offers.size === 0
  }

  possible(): Step[] {
    const steps: Step[] = []
    for (const { actor, when, steps: alternatives } of this.#offers) {
      if (actor?.isAwake === false || when?.() === false) continue
      steps.push(...alternatives)
    }
    return steps
  }
}
