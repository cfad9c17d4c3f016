// A suite that puts contenders under load.
import { enter, startContender } from './enter.js'
import { demandFairPlay } from './fairness.js'
import { load } from './load.js'
import { placement, stop, stopAll } from './processes.js'
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
  const cases = []
  for (const one of suite.cases) {
    const { title, connections } = one
    cases.push({ title, connections, samples: await measureCase(one) })
  }
  await stopAll()
  if (isProfiled) printProfiles()

  const names = contenders.map(({ name }) => name).filter((name) => left[name] === undefined)
  const how = `${rounds} rounds of ${seconds} s after a second's run-up, each case in processes of its own; ${placement}`
  const run = {
    ...factsOf(suite, { how, left }),
    cases: cases.map(({ samples, ...one }) => ({
      ...one,
      samples: Object.fromEntries(names.map((name) => [name, samples[name]])),
    })),
  }
  return { run, text: describe(suite, run) }

  /** In new processes: what V8 has made of the heap under one load decides how fast the next one is. */
  async function measureCase(one) {
    const alone = { ...suite, cases: [one] }
    const samples = {}
    await forEach(contenders, one, (contender) =>
      startContender(contender, surroundings, { profile: isProfiled ? profileName(contender, one) : undefined }),
    )
    await forEach(contenders, one, (contender) => demandFairPlay(contender, alone))
    for (let round = 0; round <= rounds; round += 1) {
      // Who comes first changes from round to round, and who comes after whom.
      const turned = contenders.map((_, index) => contenders[(index + round) % contenders.length])
      await forEach(round > rounds / 2 ? turned.toReversed() : turned, one, async (contender) => {
        const { name } = contender
        await load(contender, one, round > 0 || isQuick ? RUN_UP_SECONDS : WARM_UP_SECONDS)
        if (round === 0) return
        const sample = await load(contender, one, seconds)
        samples[name] = [...(samples[name] ?? []), sample]
        log(`round ${round}, ${one.title}, ${name}: ${sample.perSecond.toFixed(0)} requests/s`)
      })
    }
    await forEach(contenders, one, (contender) => demandFairPlay(contender, alone))
    for (const { child } of contenders) if (child !== undefined) await stop(child)
    return samples
  }

  /** One after the other; who fails has left. */
  async function forEach(some, { title }, step) {
    for (const contender of some.filter(({ name }) => left[name] === undefined)) {
      try {
        await step(contender)
      } catch (error) {
        left[contender.name] = `${title}: ${error.message}`
      }
    }
  }
}

function profileName({ name }, { title }) {
  return `${name}, ${title}.cpuprofile`.replaceAll(/[/:]/g, '-')
}
