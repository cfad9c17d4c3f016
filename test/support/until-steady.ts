/** Resolves when a count has stopped growing: back-pressure has reached whoever makes it grow. */
export async function untilSteady(count: () => number): Promise<void> {
  let last = -1
  while (last !== count()) {
    last = count()
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}
