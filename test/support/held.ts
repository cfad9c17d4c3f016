/** Something that waits until a test lets it go on. */
export interface Held {
  readonly released: Promise<void>
  release(): void
}

export function held(): Held {
  let release = (): void => {}
  const released = new Promise<void>((resolve) => {
    release = resolve
  })
  return { released, release: () => release() }
}
