import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { Sealer } from '../lib/sealer.ts'

const A = 'secret A, of thirty-two bytes and more'
const B = 'secret B, of thirty-two bytes and more'

describe('what was sealed', () => {
  test('opens to the same text, whatever it is, and never looks the same', () => {
    const sealer = new Sealer([A], 'test')
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string(), (text, context) => {
        const sealed = sealer.seal(text, context)
        expect(sealer.open(sealed, context)).toBe(Buffer.from(text).toString())
        expect(sealed).toMatch(/^[\w-]+$/)
        expect(sealer.seal(text, context)).not.toBe(sealed)
      }),
    )
  })

  test('opens for no other purpose, context or secret', () => {
    const sealed = new Sealer([A], 'state').seal('text', 'context')

    expect(new Sealer([A], 'state').open(sealed, 'context')).toBe('text')
    expect(new Sealer([A], 'grant').open(sealed, 'context')).toBeUndefined()
    expect(new Sealer([A], 'state').open(sealed, 'contex')).toBeUndefined()
    expect(new Sealer([A], 'state').open(sealed)).toBeUndefined()
    expect(new Sealer([B], 'state').open(sealed, 'context')).toBeUndefined()
  })

  test('opens with every secret of a list, and is sealed with the first', () => {
    const before = new Sealer([A], 'p')
    const during = new Sealer([B, A], 'p')
    const after = new Sealer([B], 'p')

    expect(during.open(before.seal('old'))).toBe('old')
    expect(after.open(during.seal('new'))).toBe('new')
    expect(before.open(during.seal('new'))).toBeUndefined()
  })

  test('does not open when one bit of it was changed', () => {
    const sealer = new Sealer([A, B], 'p')
    const bytes = Buffer.from(sealer.seal('attack at dawn', 'c'), 'base64url')
    fc.assert(
      fc.property(fc.nat(bytes.length * 8 - 1), (bit) => {
        const changed = Buffer.from(bytes)
        changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
        expect(sealer.open(changed.toString('base64url'), 'c')).toBeUndefined()
      }),
      { numRuns: 1_000 },
    )
  })

  test('does not open when something was cut off or added', () => {
    const sealer = new Sealer([A], 'p')
    const bytes = Buffer.from(sealer.seal('attack at dawn'), 'base64url')
    for (let length = 0; length < bytes.length; length += 1) {
      expect(sealer.open(bytes.subarray(0, length).toString('base64url'))).toBeUndefined()
      expect(sealer.open(bytes.subarray(length + 1).toString('base64url'))).toBeUndefined()
    }
    expect(sealer.open(Buffer.concat([bytes, Buffer.alloc(1)]).toString('base64url'))).toBeUndefined()
  })

  test('says nothing of what is in it but the length', () => {
    expect(new Sealer([A], 'p').seal('attack at dawn')).not.toContain(Buffer.from('attack').toString('base64url'))
  })

  test('whatever else is given opens to nothing', () => {
    const sealer = new Sealer([A], 'p')
    fc.assert(
      fc.property(fc.anything(), (anything) => {
        expect(sealer.open(anything)).toBeUndefined()
      }),
    )
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 64 }), (bytes) => {
        expect(sealer.open(Buffer.from(bytes).toString('base64url'))).toBeUndefined()
      }),
    )
  })
})
