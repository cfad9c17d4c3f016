import { describe, expect, test } from '@jest/globals'
import { decide, type TakesDone } from '../../lib/passport/verify.ts'

const ALICE = { id: 'alice' }
type Ask = Parameters<typeof decide>[0]
// Passport takes any user that is truthy; our types ask for an object.
type Call = (done: (error: unknown, user?: unknown, info?: object | string) => void) => unknown

describe('what verify answers', () => {
  test.each<[string, Call, TakesDone, unknown, unknown]>([
    ['done(null, user)', (done) => done(null, ALICE), 'yes', ALICE, undefined],
    ['done(null, user, info)', (done) => done(null, ALICE, { message: 'hello' }), 'yes', ALICE, { message: 'hello' }],
    ['done() later', (done) => void setImmediate(() => done(undefined, ALICE)), 'yes', ALICE, undefined],
    ['done() in an async function', async (done) => done(null, ALICE), 'yes', ALICE, undefined],
    ['done() late in an async function', async (done) => void setImmediate(() => done(null, ALICE)), 'yes', ALICE, undefined],
    ['done() and then a value', async (done) => (done(null, false), ALICE), 'yes', undefined, undefined],
    ['a promise', async () => ALICE, 'no', ALICE, undefined],
    ['a promise, where done() could have been called', async () => ALICE, 'yes', ALICE, undefined],
    ['done(null, false)', (done) => done(null, false, 'no'), 'yes', undefined, 'no'],
    ['done()', (done) => done(null), 'yes', undefined, undefined],
    ['false', async () => false, 'no', undefined, undefined],
    ['a name', (done) => done(null, 'alice'), 'yes', 'alice', undefined],
    ['a number as a promise', async () => 7, 'no', 7, undefined],
    ['an empty name', (done) => done(null, ''), 'yes', undefined, undefined],
    ['done() later, by what may have it', (done) => void setImmediate(() => done(null, ALICE)), 'maybe', ALICE, undefined],
    ['a promise, by what may have done()', async () => ALICE, 'maybe', ALICE, undefined],
    ['a promise of nothing, by what may have done()', async () => {}, 'maybe', undefined, undefined],
    ['nothing, by what has no done()', () => {}, 'no', undefined, undefined],
    ['null', async () => null, 'yes', undefined, undefined],
    ['nothing', async () => {}, 'no', undefined, undefined],
  ])('%s', async (_how, call, takesDone, user, info) => {
    expect(await decide(call as Ask, takesDone)).toEqual({ user, info })
  }) // prettier-ignore

  test.each<[string, Call]>([
    ['done(error)', (done) => done(new Error('away'))],
    [
      'a rejection',
      async () => {
        throw new Error('away')
      },
    ],
    ['an exception', () => { throw new Error('away') }], // prettier-ignore
  ])('is an error with %s', async (_how, call) => {
    await expect(decide(call as Ask, 'yes')).rejects.toThrow('away')
  })
})
