import { isRecord } from '../option-reader.ts'
import type { AnswerPattern } from '../providers/provider.ts'

/** Is this pattern about such a status? One that names none is about all of them. */
export function fitsStatus({ status }: AnswerPattern, actual: number): boolean {
  return status === undefined || status === actual
}

/** Does the body say what the pattern asks for? One that names no member asks for nothing. @param body parsed JSON, of any shape. */
export function fitsBody({ member, values }: AnswerPattern, body: unknown): boolean {
  if (member === undefined) return true
  const actual = memberAt(body, member)
  if (actual === undefined) return false
  if (values === undefined) return true
  // Servers are not of one mind about whether a code is a number.
  return (typeof actual === 'string' || typeof actual === 'number') && values.some((v) => String(v) === String(actual))
}

/** A member of that name, or else the one that the path leads to; `undefined` if there is neither. */
function memberAt(body: unknown, path: string): unknown {
  const own = ownMember(body, path)
  if (own !== undefined || !path.includes('.')) return own
  return path.split('.').reduce(ownMember, body)
}

/** Never what every object inherits. */
function ownMember(body: unknown, name: string): unknown {
  return isRecord(body) && Object.hasOwn(body, name) ? body[name] : undefined
}
