import { Violation, type Property } from './promise.ts'
import type { Trace } from './traces.ts'
import { World, type Scenario } from './world.ts'

/** Takes the steps of a trace, as far as they are possible, and brings everything to its end. @throws {Violation} */
export async function play({ scenario, steps, rule }: Trace): Promise<World> {
  const world = await new World(scenario).begin()
  await follow(
    world,
    steps.split('\n').map((line) => line.trim()),
  )
  rule?.(world)
  await world.conclude()
  return world
}

/** What cannot happen is passed over. */
export async function follow(world: World, labels: readonly string[]): Promise<void> {
  for (const label of labels) {
    const step = world.possible().find((possible) => possible.label === label)
    if (step !== undefined) await world.take(step)
  }
}

/** Leaves out whatever is not needed for the same violation. @returns the trace of what is left, with what callers got in between. */
export async function shorten(
  scenario: Scenario,
  trace: readonly string[],
  property: Property,
): Promise<readonly string[]> {
  let labels = trace.filter((line) => !line.startsWith(' '))
  for (let size = Math.ceil(labels.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < labels.length;) {
      const shorter = labels.toSpliced(at, size)
      if ((await violates(scenario, shorter, property)) === undefined) at += size
      else labels = shorter
    }
  }
  return (await violates(scenario, labels, property)) ?? trace
}

/** @returns the trace up to the violation. */
async function violates(
  scenario: Scenario,
  labels: readonly string[],
  property: Property,
): Promise<readonly string[] | undefined> {
  const world = new World(scenario)
  try {
    await world.begin()
    await follow(world, labels)
    await world.conclude()
    return undefined
  } catch (error) {
    return error instanceof Violation && error.property === property ? world.trace : undefined
  }
}
