// The order of the test files. On a clean clone jest knows no durations and goes by file size, so that the longest suites begin last and
// end alone; they begin first instead, and the many short ones fill the other worker.
import Sequencer from '@jest/test-sequencer'

const LONG = [
  'test/cluster/',
  'test/grants/schedules',
  'test/grants/redis-mutations',
  'test/grants/mutations',
  'test/browser/',
  'test/example-app/app.test',
  'test/example-app/redis',
  'test/hostile/open-redirect',
  'test/flows/',
]

/** @returns how early it begins, 0 first. */
function rank({ path }) {
  const at = LONG.findIndex((part) => path.includes(part))
  return at === -1 ? LONG.length : at
}

export default class LongFirstSequencer extends Sequencer {
  sort(tests) {
    // oxlint-disable-next-line unicorn/no-array-sort -- not an array's
    const bySize = super.sort(tests)
    return bySize.toSorted((a, b) => rank(a) - rank(b))
  }
}
