// A suite that puts contenders under load.
import { enter, inspect, startContender } from './enter.js'
import { load } from './load.js'
import { placement, stopAll } from './processes.js'
import { printProfiles } from './profile.js'
import { describe } from './report.js'
import { factsOf } from './versions.js'

/** Each case, before the first round: of 10 MB there are few in a second, and V8 takes its time. */
const WARM_UP_SECONDS = 6

/** Before each sample, and not part of it: while the others had their turn, V8 gave up memory. */
const RUN_UP_SECONDS = 1

/** @returns the run, and its description. */
export async function measure(whole, { rounds = 7, seconds = 2, only, onlyCase, isQuick, isProfiled, log }) {
  const suite = { ...whole, cases: whole.cases.filter(({ title }) => title.includes(onlyCase)) }
  const { contenders, surroundings, left } = await enter(suite, only)
  for (const contender of contenders.filter(({ name }) => left[name] === undefined)) {
    try {
      await startContender(contender, surroundings, { isProfiled })
    } catch (error) {
      left[contender.name] = error.message
    }
  }
  await inspect(suite, contenders, left)
  const cases = suite.cases.map(({ title, connections }) => ({ title, connections, samples: {} }))
  for (let round = 0; round <= rounds; round += 1) {
    for (const [at, one] of suite.cases.entries()) {
      const { samples } = cases[at]
      // Who comes first changes from round to round: nobody always follows the same neighbour.
      const order = contenders.map((_, index) => contenders[(index + round) % contenders.length])
      for (const contender of order.filter(({ name }) => left[name] === undefined)) {
        const { name } = contender
        try {
          await load(contender, one, round > 0 || isQuick ? RUN_UP_SECONDS : WARM_UP_SECONDS)
          if (round === 0) continue
          const sample = await load(contender, one, seconds)
          samples[name] = [...(samples[name] ?? []), sample]
          log(`round ${round}, ${one.title}, ${name}: ${sample.perSecond.toFixed(0)} requests/s`)
        } catch (error) {
          left[name] = `${one.title}: ${error.message}`
        }
      }
    }
  }
  await inspect(suite, contenders, left)
  await stopAll()
  if (isProfiled) printProfiles()

  const names = contenders.map(({ name }) => name).filter((name) => left[name] === undefined)
  const run = {
    ...factsOf(suite, { how: `${rounds} rounds of ${seconds} s after a second's run-up; ${placement}`, left }),
    cases: cases.map(({ samples, ...one }) => ({
      ...one,
      samples: Object.fromEntries(names.map((name) => [name, samples[name]])),
    })),
  }
  return { run, text: describe(suite, run) }
}
