/** One call and its outcome. Times are milliseconds since the first call was made. */
export interface Call {
  readonly number: number
  /** When it left the browser, which opens only a few connections at a time. */
  readonly sentAt: number
  readonly answeredAt: number
  /** `undefined`: no answer. */
  readonly status: number | undefined
}

export type Outcome = 'ok' | 'refused' | 'failed'

export function outcomeOf({ status }: Call): Outcome {
  if (status === undefined || status >= 500) return 'failed'
  return status < 400 ? 'ok' : 'refused'
}

/** What is called. */
export interface ApiRequest {
  readonly method: string
  readonly url: string
  /** JSON; empty: none. */
  readonly body: string
}

/** As the page was sent with it. */
export function requestOf({ dataset }: HTMLElement): ApiRequest {
  return { method: dataset['method'] ?? 'GET', url: dataset['url'] ?? '/', body: dataset['body'] ?? '' }
}

/** Makes all of them at once. */
export async function fire(request: ApiRequest, count: number): Promise<readonly Call[]> {
  // Its buffer holds 250 entries otherwise, and what the page has loaded is among them.
  performance.setResourceTimingBufferSize(1_000)
  performance.clearResourceTimings()
  const begun = performance.now()
  const answers = await Promise.all(Array.from({ length: count }, () => callOnce(request, begun)))

  const timings = performance
    .getEntriesByName(new URL(request.url, location.href).href, 'resource')
    .filter((entry): entry is PerformanceResourceTiming => entry instanceof PerformanceResourceTiming)
    .toSorted((one, other) => one.startTime - other.startTime)
  return answers.map(({ status, answeredAt }, index) => {
    const requestStart = timings.length === count ? (timings[index]?.requestStart ?? 0) : 0
    return { number: index + 1, status, answeredAt, sentAt: clamp(requestStart - begun, 0, answeredAt) }
  })
}

/** @param begun what its times are counted from. */
export async function callOnce(
  { method, url, body }: ApiRequest,
  begun: number,
): Promise<{ status: number | undefined; answeredAt: number }> {
  let status: number | undefined
  try {
    const sent = body === '' ? {} : { body, headers: { 'Content-Type': 'application/json' } }
    // Low, so that what else the page asks meanwhile does not wait behind all of these.
    const response = await fetch(url, { method, cache: 'no-store', priority: 'low', ...sent })
    await response.arrayBuffer()
    status = response.status
  } catch {
    // No answer is an outcome as well.
  }
  return { status, answeredAt: performance.now() - begun }
}

export function countsByStatus(calls: readonly Pick<Call, 'status'>[]): readonly string[] {
  const counts = new Map<string, number>()
  for (const { status } of calls) {
    const name = status === undefined ? 'no answer' : `status ${status}`
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  return [...counts].map(([name, times]) => `${times} × ${name}`)
}

function clamp(value: number, min: number, max: number): number {
  return Math.min(Math.max(value, min), max)
}
