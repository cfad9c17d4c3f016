import {
  metrics,
  SpanStatusCode,
  trace,
  type Attributes,
  type Counter,
  type Histogram,
  type Meter,
  type Tracer,
} from '@opentelemetry/api'
import { AuthError } from './errors.ts'
import type { AuthEvent } from './events.ts'

/** Of a grant's engine, to be looked at when the metrics are read. */
export interface EngineGauges {
  /** Refreshed tokens that wait for the store to come back. */
  readonly held: number
  /** Providers whose token endpoint is left alone for a while. */
  readonly openBreakers: number
}

const NAME = 'latchkey'

/**
 * Metrics and spans through OpenTelemetry's API, which does nothing until the application installs an SDK. Names, outcomes and times;
 * never a token, and no end-user's name.
 */
export class Telemetry {
  readonly #instance: string
  readonly #tracer: Tracer = trace.getTracer(NAME)
  readonly #meter: Meter = metrics.getMeter(NAME)
  readonly #refreshes: Counter
  readonly #redemption: Histogram
  readonly #waiting: Histogram
  readonly #stale: Counter
  #unobserve: () => void = () => {}

  /** @param instance of the package, by its option `name`. */
  constructor(instance: string) {
    this.#instance = instance
    const meter = this.#meter
    this.#refreshes = meter.createCounter('latchkey.refreshes', { description: 'Refreshes by result' })
    this.#redemption = meter.createHistogram('latchkey.refresh.duration', { unit: 's', description: 'From the look at the clock to what was made of the answer' }) // prettier-ignore
    this.#waiting = meter.createHistogram('latchkey.token.wait', { unit: 's', description: 'How long a request waited for a token that had to be refreshed' }) // prettier-ignore
    this.#stale = meter.createCounter('latchkey.tokens.stale', { description: 'Tokens near their end that were served because no newer one was to be had' }) // prettier-ignore
  }

  /** Takes part in the telling of events. */
  count(event: AuthEvent): void {
    if (event.type === 'error') return noteOnRequest(event)
    if (event.type !== 'refresh') return
    const { provider, result, inDoubt, durationMs } = event
    const attributes = this.#attributes({ provider, result, in_doubt: inDoubt })
    this.#refreshes.add(1, attributes)
    this.#redemption.record(durationMs / 1_000, attributes)
  }

  waited(ms: number, outcome: string): void {
    this.#waiting.record(ms / 1_000, this.#attributes({ outcome }))
  }

  servedStale(): void {
    this.#stale.add(1, this.#attributes({}))
  }

  /** Until `close`. */
  observe(gauges: () => EngineGauges): void {
    const held = this.#meter.createObservableGauge('latchkey.journal.size', { description: 'Refreshed tokens that wait for the store' }) // prettier-ignore
    const open = this.#meter.createObservableGauge('latchkey.breakers.open', { description: 'Token endpoints that are left alone for a while' }) // prettier-ignore
    const attributes = this.#attributes({})
    const observeHeld = (result: { observe(value: number, attributes: Attributes): void }): void =>
      result.observe(gauges().held, attributes)
    const observeOpen = (result: { observe(value: number, attributes: Attributes): void }): void =>
      result.observe(gauges().openBreakers, attributes)
    held.addCallback(observeHeld)
    open.addCallback(observeOpen)
    this.#unobserve = () => {
      held.removeCallback(observeHeld)
      open.removeCallback(observeOpen)
    }
  }

  /** One step of a refresh as a span. */
  async span<T>(step: 'claim' | 'redeem' | 'commit', attributes: Attributes, work: () => Promise<T>): Promise<T> {
    return this.#tracer.startActiveSpan(
      `latchkey.${step}`,
      { attributes: this.#attributes(attributes) },
      async (span) => {
        try {
          return await work()
        } catch (error) {
          span.setStatus({ code: SpanStatusCode.ERROR, message: error instanceof AuthError ? error.code : 'error' })
          throw error
        } finally {
          span.end()
        }
      },
    )
  }

  close(): void {
    this.#unobserve()
  }

  #attributes(attributes: Attributes): Attributes {
    return { 'latchkey.instance': this.#instance, ...attributes }
  }
}

/** On the span of the request, if the application has one: what the answer does not say. */
function noteOnRequest({ code, error }: AuthEvent & { type: 'error' }): void {
  const span = trace.getActiveSpan()
  span?.recordException(error)
  if (error.cause instanceof Error) span?.recordException(error.cause)
  span?.setStatus({ code: SpanStatusCode.ERROR, message: code })
}
