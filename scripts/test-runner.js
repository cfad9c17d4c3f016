// What jest runs each test file with: its own jest-circus, and around it what keeps two hundred files from taking twice as long.
import { createRequire } from 'node:module'
import { CoverageInstrumenter } from 'collect-v8-coverage'

const circus = createRequire(import.meta.url)('jest-circus/runner').default

/**
 * Packages that each worker loads once, outside the contexts of the test files: jest would link and evaluate them anew for every file, and
 * Node 20 never gives back the memory of a module that was loaded in a context. lib/, test/ and all other packages stay the file's own.
 * What has state that a test could leave to the next does not belong here (passport's default instance, OpenTelemetry's globals), nor what
 * takes only objects of its own realm for plain ones (oidc-provider), nor what reads a clock that tests set (express-session, and its stores).
 */
const SHARED = [
  'express',
  'express4',
  'fast-check',
  'ioredis',
  'jose',
  'openid-client',
  'playwright-core',
  'supertest',
  'tough-cookie',
  'undici',
  'zod',
]

// Outside the context, an async handler's promise is of another realm, and Express 5 would ask for a native one.
process.env.NO_DEPRECATION = 'router'

export default async function runTestFile(globalConfig, config, environment, runtime, path, sendMessageToJest) {
  for (const name of SHARED) runtime.setModuleMock(path, name, () => import(name))
  acceptErrorsFromOutside(environment.global)
  shareDispatcher(environment.global)
  sendSourcesOnce(runtime)
  try {
    return await circus(globalConfig, config, environment, runtime, path, sendMessageToJest)
  } finally {
    releaseTests(environment.global)
  }
}

/**
 * `instanceof Error` holds for errors of the shared packages, too, as it does without contexts. Those of Node's own modules have always
 * come from outside.
 */
function acceptErrorsFromOutside(global) {
  for (const outer of [Error, AggregateError, RangeError, SyntaxError, TypeError]) {
    const inner = global[outer.name]
    Object.defineProperty(inner, Symbol.hasInstance, {
      value(error) {
        return Function.prototype[Symbol.hasInstance].call(this, error) || (this === inner && error instanceof outer)
      },
    })
  }
}

/** undici leaves its global dispatcher there for other packages (oidc-provider), which look for it in the file's context. */
function shareDispatcher(global) {
  const dispatcher = Symbol.for('undici.globalDispatcher.1')
  global[dispatcher] ??= globalThis[dispatcher]
}

/** jest's own enables the debugger, too, which then lists all scripts there are before each test file; coverage does without. */
CoverageInstrumenter.prototype.startInstrumenting = async function startInstrumenting() {
  this.session.connect()
  await this.postSession('Profiler.enable')
  await this.postSession('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
}

/** Files whose source has gone from this worker to jest, which keeps the first it gets of each. */
const sent = new Set()

/** With the coverage of every test file comes the source of all of lib/ and its map: 2 MB, twenty times as much as the coverage. */
function sendSourcesOnce(runtime) {
  const collected = runtime.getAllV8CoverageInfoCopy.bind(runtime)
  runtime.getAllV8CoverageInfoCopy = () =>
    collected().map(({ codeTransformResult, result }) => {
      if (sent.has(result.url)) return { result }
      sent.add(result.url)
      return { codeTransformResult, result }
    })
}

/** The global object of a file's context outlives the file, for the same reason; what its tests had need not. */
function releaseTests(global) {
  for (const symbol of Object.getOwnPropertySymbols(global)) {
    if (symbol.description === 'JEST_STATE_SYMBOL') delete global[symbol]
  }
}
