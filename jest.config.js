// ES modules throughout: openid-client ships nothing else, and jest's CommonJS mode cannot load it on Node 20.
// `npm test` starts jest with the flag that needs, --experimental-vm-modules.

/** @type {import('jest').Config} */
export default {
  roots: ['<rootDir>/lib', '<rootDir>/test'],
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],

  // swc strips the types without checking them; `npm run typecheck` does that.
  transform: {
    '\\.ts$': [
      '@swc/jest',
      {
        swcrc: false,
        sourceMaps: 'inline', // so that stack traces and coverage name the lines of the .ts file
        jsc: {
          target: 'es2023',
          parser: { syntax: 'typescript', decorators: false },
          transform: { verbatimModuleSyntax: true },
        },
      },
    ],
  },

  // Tests start real servers, Redis and browsers: a few at a time, and slow machines get their time.
  maxWorkers: 2,
  // Modules of a test file that has ended are not given back; a worker that is full of them is slow, and makes room.
  workerIdleMemoryLimit: '1GB',
  testTimeout: 60_000,

  testRunner: '<rootDir>/scripts/test-runner.js', // jest's own, with the large packages loaded once rather than once per file
  testSequencer: '<rootDir>/scripts/long-first-sequencer.js',
  reporters: ['default', '<rootDir>/scripts/totals-reporter.js'],

  // Used with --coverage. Code that runs only in a child process (a cluster, the command line) counts as not covered.
  coverageProvider: 'v8',
  // Files with types alone are never loaded.
  collectCoverageFrom: [
    'lib/**/*.ts',
    '!lib/grants/{grant-store,token-server}.ts',
    '!lib/passport/{index,passport-request}.ts',
    '!lib/providers/{preset,provider-options}.ts',
  ],
  coverageReporters: ['text'],
  coverageThreshold: { global: { lines: 90, branches: 85 } },
}
