/** A measurement beside what was expected of it. */
export interface Cell {
  readonly column: string
  readonly measured: string
  readonly expected: string
  readonly holds: boolean
}

export interface Row {
  readonly scenario: string
  readonly cells: readonly Cell[]
}

export function exactly(column: string, measured: number, expected: number): Cell {
  return { column, measured: String(measured), expected: String(expected), holds: measured === expected }
}

export function atMost(column: string, measured: number, limit: number, unit = ''): Cell {
  const rounded = Math.round(measured)
  if (Number.isNaN(measured)) return { column, measured: '-', expected: '-', holds: true }
  return { column, measured: `${rounded}${unit}`, expected: `≤ ${limit}${unit}`, holds: rounded <= limit }
}

export function within(column: string, measured: number, [from, to]: readonly [number, number]): Cell {
  const expected = from === to ? String(from) : `${from} to ${to}`
  return { column, measured: String(measured), expected, holds: measured >= from && measured <= to }
}

/** For people: each cell as measured, with what was expected in brackets. */
export function table(rows: readonly Row[]): string {
  const columns = rows[0]?.cells.map(({ column }) => column) ?? []
  const lines = rows.map(({ scenario, cells }) => [
    scenario,
    ...cells.map(({ measured, expected, holds }) => `${holds ? '' : '! '}${measured} (${expected})`),
  ])
  const all = [['scenario', ...columns], ...lines]
  const widths = all[0]?.map((_, at) => Math.max(...all.map((line) => line[at]?.length ?? 0))) ?? []
  const write = (line: readonly string[]): string => `| ${line.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(' | ')} |` // prettier-ignore
  const [head = [], ...body] = all
  return [write(head), `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`, ...body.map(write)].join('\n')
}

export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}
