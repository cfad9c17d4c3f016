import * as z from 'zod'
import { text } from '../../option-reader.ts'
import { urlComplaint } from '../../url-rule.ts'
import { pathComplaint } from './path.ts'

const METHOD = /^[A-Z][A-Z-]*$/

const method = z.custom<string>(
  (value) => typeof value === 'string' && METHOD.test(value) && value !== 'CONNECT' && value !== 'TRACE',
  { error: 'must be the name of a method, in capitals; CONNECT and TRACE are never forwarded' },
)

const path = z.custom<string | RegExp>(
  (value) =>
    value instanceof RegExp
      ? !value.global && !value.sticky // they remember where they stopped
      : typeof value === 'string' && !value.includes('?') && pathComplaint(value) === undefined,
  {
    error:
      'must be a path below the mount point, such as /orders, as it stands in an address; or a RegExp without the flags g and y',
  },
)

const NOTHING = 'must not be an empty list: nothing could be forwarded'

export interface AllowOptions {
  /** In capitals. `HEAD` goes with `GET`. Others get 405. */
  methods?: readonly string[] | undefined
  /**
   * Below the mount point, before `rewrite`, without the query; case matters. A string stands for itself and what is below it, whole segments.
   * Others get 404.
   */
  paths?: readonly (string | RegExp)[] | undefined
}

export const allowSchema: z.ZodType<AllowOptions, AllowOptions> = z.strictObject({
  methods: z.array(method).min(1, NOTHING).readonly().optional(),
  paths: z.array(path).min(1, NOTHING).readonly().optional(),
})

export const originSchema: z.ZodType<string, string> = z.custom<string>(
  (value) =>
    urlComplaint(value, false) === undefined && new URL(value as string).origin === value && !value.includes('*'),
  { error: 'must be an origin, such as https://other.example (http: only on the loopback interface)' },
)

/** RFC 6265 §4.1.1 */
export const cookieNameSchema: z.ZodType<string, string> = text('the name of a cookie').refine(
  (name) => /^[\w!#$%&'*+.^`|~-]+$/.test(name),
  { error: 'must be the name of a cookie' },
)
