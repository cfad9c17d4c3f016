/** Resolves when a count has stopped growing for half a second: back-pressure has reached whoever makes it grow. */
export async function untilSteady(count: () => number): Promise<void> {
  let last = -1
  // Several looks, for a busy machine may run a timer before it has moved any data.
  for (let unchanged = 0; unchanged < 10; unchanged = last === count() ? unchanged + 1 : 0) {
    last = count()
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
