import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { AsyncLocalStorage } from 'node:async_hooks'
import {
  context,
  metrics,
  ROOT_CONTEXT,
  SpanStatusCode,
  trace,
  type Context,
  type ContextManager,
} from '@opentelemetry/api'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { startTestApp } from './support/app.ts'
import { startProxiedApp } from './support/proxied-app.ts'

/** Name, attributes and value (a count, for histograms) of every point. */
type Point = readonly [string, Record<string, unknown>, unknown]

/** As that of the SDK for Node. */
const current = new AsyncLocalStorage<Context>()
const contextManager: ContextManager = {
  active: () => current.getStore() ?? ROOT_CONTEXT,
  with: (active, fn, thisArg, ...args) => current.run(active, () => fn.apply(thisArg as never, args)),
  bind: (_context, target) => target,
  enable: () => contextManager,
  disable: () => contextManager,
}

describe('an application with an OpenTelemetry SDK', () => {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 })
  const meterProvider = new MeterProvider({ readers: [reader] })
  const spans = new InMemorySpanExporter()
  const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] })

  beforeAll(() => {
    metrics.setGlobalMeterProvider(meterProvider)
    trace.setGlobalTracerProvider(tracerProvider)
    context.setGlobalContextManager(contextManager)
  })
  afterAll(async () => {
    metrics.disable()
    trace.disable()
    context.disable()
    await meterProvider.shutdown()
    await tracerProvider.shutdown()
  })

  async function points(): Promise<Point[]> {
    await reader.forceFlush()
    const [last] = exporter.getMetrics().slice(-1)
    return (last?.scopeMetrics ?? []).flatMap(({ metrics: all }) =>
      all.flatMap(({ descriptor, dataPoints }) =>
        dataPoints.map(({ attributes, value }): Point => [
          descriptor.name,
          attributes,
          typeof value === 'number' ? value : value.count,
        ]),
      ),
    )
  }

  test('sees how refreshes end, how long requests wait for them, and the steps of each', async () => {
    const site = await startTestApp()
    const browser = await site.signedIn()
    site.clock.advance({ seconds: 61 })
    await browser.get(`${site.url}/api/orders`)

    const seen = await points()
    const names = spans.getFinishedSpans().map((span) => span.name)
    await browser.close()
    await site.close()

    const main = { 'latchkey.instance': 'main' }
    const ok = { ...main, provider: 'main', result: 'ok', in_doubt: false }
    expect(seen).toContainEqual(['latchkey.refreshes', ok, 1])
    expect(seen).toContainEqual(['latchkey.refresh.duration', ok, 1])
    expect(seen).toContainEqual(['latchkey.token.wait', { ...main, outcome: 'ok' }, 1])
    expect(seen).toContainEqual(['latchkey.journal.size', main, 0])
    expect(seen).toContainEqual(['latchkey.breakers.open', main, 0])
    expect(names).toEqual(['latchkey.claim', 'latchkey.redeem', 'latchkey.commit'])
    expect(JSON.stringify([seen, spans.getFinishedSpans().map(({ attributes }) => attributes)])).not.toContain('alice')
  })

  test('sees when a token near its end had to do', async () => {
    const site = await startTestApp({ options: { name: 'staff' } })
    const browser = await site.signedIn()
    site.authorizationServer.failTokenEndpoint({ status: 503 })
    site.clock.advance({ seconds: 58.5 })
    await browser.get(`${site.url}/api/orders`)

    const seen = await points()
    await browser.close()
    await site.close()

    expect(seen).toContainEqual(['latchkey.tokens.stale', { 'latchkey.instance': 'staff' }, 1])
    expect(seen).toContainEqual(['latchkey.token.wait', { 'latchkey.instance': 'staff', outcome: 'ERR_AUTH_UNAVAILABLE' }, 1]) // prettier-ignore
  })

  test('sees on the span of a request why the target of the proxy could not be reached', async () => {
    const site = await startProxiedApp({
      routes: (app) =>
        app.use((_req, res, next) =>
          trace.getTracer('test').startActiveSpan('request', (span) => {
            res.once('close', () => span.end())
            next()
          }),
        ),
    })
    const browser = await site.signedIn()
    await site.upstream.close()
    spans.reset()
    const answer = await browser.get(`${site.proxied}/orders`)
    await browser.close()
    await site.close()

    const seen = spans.getFinishedSpans().filter(({ name }) => name === 'request')
    expect(answer.status).toBe(502)
    expect(seen.map(({ status }) => status)).toEqual([{ code: SpanStatusCode.ERROR, message: 'ERR_AUTH_UPSTREAM' }])
    expect(JSON.stringify(seen.map(({ events }) => events))).toContain('ECONNREFUSED')
  })
})
