/** One thing that was tried, and whether it came out as it must. */
export interface Result {
  readonly provider: string
  readonly check: string
  readonly expected: string
  readonly got: string
}

/** Tries things one after the other, and says at once how each came out. */
export class Table {
  readonly results: Result[] = []

  async check(provider: string, check: string, expected: string, run: () => Promise<string>): Promise<void> {
    const got = await run().catch((error: unknown) => `threw ${error instanceof Error ? error.message : String(error)}`)
    this.results.push({ provider, check, expected, got })
    const mark = got === expected ? 'ok   ' : 'WRONG'
    console.log(
      `${mark} ${provider.padEnd(10)} ${check}\n      ${got === expected ? got : `expected ${expected}\n      got      ${got}`}`,
    )
  }

  get wrong(): readonly Result[] {
    return this.results.filter(({ expected, got }) => expected !== got)
  }
}
