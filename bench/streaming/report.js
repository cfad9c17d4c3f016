import { notCounted, opening } from '../support/report.js'
import { median, rounded } from '../support/statistics.js'
import { table } from '../support/table.js'
import { judge, targetsTable } from '../support/targets.js'

const COLUMNS = {
  'read ahead per reader, MB': 'aheadMb',
  'growth of the process, MB': 'growthMb',
  'upstream answers open 0.7 s after they left': 'stillOpen',
}

/** One run, as Markdown. */
export function describeStreaming(suite, run) {
  const [held, events] = run.cases
  return [
    opening(suite, run),
    targetsTable(judge(suite, run)),
    `\n### Streaming: ${held.title}, the worst of all rounds\n`,
    table(
      ['', ...Object.keys(COLUMNS)],
      Object.entries(held.samples).map(([name, rounds]) => [
        name,
        ...Object.values(COLUMNS).map((key) => Math.max(...rounds.map((sample) => sample[key])).toFixed(key === 'stillOpen' ? 0 : 1)), // prettier-ignore
      ]),
    ),
    `\n### Streaming: ${events.title}, over a new connection\n`,
    table(
      ['', 'median ms', 'longest ms'],
      Object.entries(events.samples).map(([name, rounds]) => [
        name,
        rounded(median(rounds.map(({ firstMs }) => firstMs))),
        rounded(Math.max(...rounds.map(({ lastMs }) => lastMs))),
      ]),
    ),
    ...notCounted(run),
  ].join('\n')
}
