export function median(values) {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** Ratios within each round: their median and the extremes. @param samples by contender, one a round. */
export function ratio(samples, one, other, figure) {
  const perRound = samples[one].map((sample, round) => sample[figure] / samples[other][round][figure])
  return { median: median(perRound), min: Math.min(...perRound), max: Math.max(...perRound) }
}

export function rounded(value) {
  if (value >= 100) return value.toFixed(0)
  return value.toFixed(value >= 10 ? 1 : 2)
}
