// Jest's own, without the rest of Jest: for suites that run in a process of their own, where `@jest/globals` cannot be loaded.
export { expect } from 'expect'
export { afterAll, afterEach, beforeAll, beforeEach, describe, test } from 'jest-circus'
