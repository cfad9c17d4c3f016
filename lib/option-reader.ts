import { closest, distance } from 'fastest-levenshtein'
import * as z from 'zod'
import { AuthError } from './errors.ts'

// oxlint-disable typescript/no-unnecessary-type-parameters -- the comparison of two generic functions is what makes this exact
/** `true` if two types are the same; a schema and its documented interface are held together by it. */
export type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
// oxlint-enable typescript/no-unnecessary-type-parameters

/** Says what is wrong with the option at `path`. */
export type Say = (path: string, message: string) => void

/**
 * Reads options once, at construction.
 *
 * @param path how the caller wrote it, `latchkey()` or `oidc()`; leads every message.
 * @param compare looks at options that depend on each other; they may be of any type still.
 * @throws {AuthError} `ERR_AUTH_OPTIONS`, naming every option that is wrong and what it must be. Never quotes a value: it may
 * be a secret.
 */
export function readOptions<Schema extends z.ZodType>(
  schema: Schema,
  options: unknown,
  path: string,
  compare?: (options: Readonly<Record<string, unknown>>, say: Say) => void,
): z.output<Schema> {
  // Without its code generation zod also runs where a security policy forbids `eval`.
  const result = schema.safeParse(options, { jitless: true })
  const complaints = result.error?.issues.flatMap((issue) => complaintsOf(issue, schema)) ?? []
  if (isRecord(options)) compare?.(options, (at, message) => complaints.push(`"${at}" ${message}`))
  if (!result.success || complaints.length > 0) {
    throw new AuthError('ERR_AUTH_OPTIONS', `${path}: ${complaints.join('; ')}`)
  }
  return result.data
}

/** An option that is given as `undefined` is not given. */
export function defined<T extends object>(options: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>
  }
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

function complaintsOf(issue: z.core.$ZodIssue, schema: z.ZodType): string[] {
  const at = issue.path.map(String)
  if (issue.code === 'unrecognized_keys') {
    const known = keysAt(schema, at)
    return issue.keys.map((key) => `"${[...at, key].join('.')}" is unknown${suggestion(key, known)}`)
  }
  const what = at.length === 0 ? 'the options' : `"${at.join('.')}"`
  // zod's own words, where the schema has none of ours.
  const isForeign = issue.code === 'invalid_type' && issue.message.startsWith('Invalid input')
  return [`${what} ${isForeign ? `must be of type ${issue.expected}` : issue.message}`]
}

/** A name of which half is wrong is no misspelling. */
export function suggestion(key: string, known: readonly string[]): string {
  if (known.length === 0) return ''
  const best = closest(key, [...known])
  return distance(key, best) * 2 <= best.length ? `; did you mean "${best}"?` : `; expected one of ${known.join(', ')}`
}

function keysAt(schema: z.ZodType, path: readonly string[]): string[] {
  let current: unknown = schema
  for (const key of path) current = shapeOf(current)[key]
  return Object.keys(shapeOf(current))
}

function shapeOf(schema: unknown): Readonly<Record<string, unknown>> {
  let current = schema
  while (current instanceof z.ZodOptional || current instanceof z.ZodDefault) current = current.unwrap()
  return current instanceof z.ZodObject ? current.shape : {}
}

const isText = (value: unknown): value is string => typeof value === 'string' && value.length > 0

/** A string with something in it. */
export function text(what = 'a non-empty string'): z.ZodType<string, string> {
  return z.custom<string>(isText, { error: `must be ${what}` })
}

/** A whole number of `unit` above zero. */
export function positive(unit: string): z.ZodType<number, number> {
  return z.custom<number>((value) => Number.isSafeInteger(value) && (value as number) > 0, {
    error: `must be a positive whole number of ${unit}`,
  })
}

export function oneOf<const T extends string>(...values: readonly [T, ...T[]]): z.ZodType<T, T> {
  return z.custom<T>((value) => values.includes(value as T), {
    error: `must be ${values.map((value) => `'${value}'`).join(' or ')}`,
  })
}

export function flag(): z.ZodType<boolean, boolean> {
  return z.custom<boolean>((value) => typeof value === 'boolean', { error: 'must be true or false' })
}

export function fn<T extends (...args: never[]) => unknown>(shape: string): z.ZodType<T, T> {
  return z.custom<T>((value) => typeof value === 'function', { error: `must be a function, ${shape}` })
}
