/** What an operator puts in place of these. */
export const INPUTS = {
  requestsPerMinute: 1,
  peak: 3,
  tokenLifetimeSeconds: 300,
  sessionHours: 24,
  signOutShare: 0.2,
  shardGiB: 12,
  shardBusy: 0.5,
  shardMegabytesPerSecond: 60,
}

const GIB = 2 ** 30

/**
 * @param sessions that many are signed in.
 * @param request what one request costs.
 * @param retentionSeconds how long a grant stays that nobody signed out of.
 */
export function plan(
  { costs, records, tombstone, overhead },
  { sessions, request, retentionSeconds },
  inputs = INPUTS,
) {
  const { requestsPerMinute, peak, tokenLifetimeSeconds, sessionHours, signOutShare } = inputs
  const sessionSeconds = sessionHours * 3_600
  const rates = {
    requests: (sessions * requestsPerMinute * peak) / 60,
    refreshes: sessions * Math.min(1 / tokenLifetimeSeconds, (requestsPerMinute * peak) / 60),
    signIns: (sessions * peak) / sessionSeconds,
    signOuts: (sessions * peak * signOutShare) / sessionSeconds,
  }
  const total = (of) =>
    rates.requests * of(request) + rates.refreshes * of(costs.refresh) + rates.signIns * of(costs.signIn) + rates.signOuts * of(costs.signOut) // prettier-ignore

  const perSecond = sessions / sessionSeconds
  const { bytes: leftBytes = 0, ttlSeconds: leftSeconds = 0 } = records.get('left session') ?? {}
  const memory =
    overhead *
    (sessions * (records.get('grant').bytes + records.get('session').bytes) +
      perSecond * leftSeconds * leftBytes +
      perSecond * (1 - signOutShare) * retentionSeconds * records.get('grant').bytes +
      perSecond * signOutShare * tombstone.ttlSeconds * tombstone.bytes)

  const roundTrips = total((cost) => cost.roundTrips)
  const bytes = total(({ bytesIn, bytesOut }) => bytesIn + bytesOut)
  const cores = total(({ cpuMicroseconds }) => cpuMicroseconds) / 1e6
  const needs = {
    memory: memory / (inputs.shardGiB * GIB),
    cpu: cores / inputs.shardBusy,
    network: bytes / (inputs.shardMegabytesPerSecond * 1e6),
  }
  const [decisive, need] = Object.entries(needs).toSorted(([, a], [, b]) => b - a)[0]
  return { ...rates, roundTrips, bytes, cores, memory, shards: Math.max(1, Math.ceil(need)), decisive }
}
