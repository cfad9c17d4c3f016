import { enter, startContender } from '../support/enter.js'
import { demandFairPlay } from '../support/fairness.js'
import { load } from '../support/load.js'
import { placement, stop, stopAll } from '../support/processes.js'
import { factsOf } from '../support/versions.js'
import { firstEvents } from './event-streams.js'
import { describeStreaming } from './report.js'
import { stall } from './stalled-readers.js'
import { EVENTS, STALLED } from './suite.js'

/** Small answers, so that what a program needs anyhow is there. */
const WARM_UP = { path: '/api/bytes/1024', connections: 32 }
const WARM_UP_SECONDS = 1

/** Each contender is a new process in each round: what it has held before does not hide how much it grows. */
export async function measureStreaming(suite, { rounds = 3, only, log }) {
  const { contenders, surroundings, left } = await enter(suite, only)
  const { upstream } = surroundings
  const samples = { [STALLED]: {}, [EVENTS]: {} }
  const keep = (title, name, sample) => (samples[title][name] = [...(samples[title][name] ?? []), sample])

  for (let round = 1; round <= rounds; round += 1) {
    keep(EVENTS, suite.directly, await eventSample(`${upstream}/events`, suite))
    const order = contenders.map((_, index) => contenders[(index + round) % contenders.length])
    for (const contender of order.filter(({ name }) => left[name] === undefined)) {
      const { name, origin } = contender
      try {
        await startContender(contender, surroundings, { keepsMemory: false })
        await load(contender, WARM_UP, WARM_UP_SECONDS)
        const held = await stall(contender, upstream, suite)
        const events = await eventSample(`${origin}/api/events`, suite)
        await demandFairPlay(contender, suite)
        keep(STALLED, name, held)
        keep(EVENTS, name, events)
        log(`round ${round}, ${name}: ${words(held)}, first event after ${events.firstMs.toFixed(1)} ms`)
      } catch (error) {
        left[name] = error.message
      }
      if (contender.child !== undefined) await stop(contender.child)
    }
  }
  await stopAll()

  const names = [suite.directly, ...contenders.map(({ name }) => name)].filter((name) => left[name] === undefined)
  const counted = (title) =>
    Object.fromEntries(names.filter((name) => name in samples[title]).map((name) => [name, samples[title][name]]))
  const run = {
    ...factsOf(suite, { how: `${rounds} rounds, each contender a new process in each; ${placement}`, left }),
    cases: [STALLED, EVENTS].map((title) => ({ title, samples: counted(title) })),
  }
  return { run, text: describeStreaming(suite, run) }
}

async function eventSample(url, { eventStreams }) {
  await firstEvents(url, 3)
  const ms = (await firstEvents(url, eventStreams)).toSorted((a, b) => a - b)
  return { firstMs: ms[ms.length >> 1], lastMs: ms.at(-1) }
}

function words({ aheadMb, growthMb, stillOpen }) {
  return `${aheadMb.toFixed(1)} MB read ahead per reader, ${growthMb.toFixed(1)} MB more memory, ${stillOpen} left open`
}
