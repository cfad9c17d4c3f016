import { headerOf, type RawRequest } from './raw-http.ts'

/** @returns the value of a parameter; one without a value counts as omitted (RFC 6749 §3.1 and §3.2). */
export type Parameters = (name: string) => string | undefined

/** Reads form-encoded text: a query, or the body of a form. Of a repeated parameter the first counts. */
export function readParameters(...encoded: readonly (string | undefined)[]): Parameters {
  const all = encoded.map((text) => new URLSearchParams(text ?? ''))
  return (name) =>
    all.map((parameters) => parameters.get(name)).find((value) => value !== null && value !== '') ?? undefined
}

/** @returns the text and the numbers of a JSON object; undefined when the body is anything else. */
export function readJsonParameters(body: string): Parameters | undefined {
  const value = parseJson(body)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  const members = new Map<string, unknown>(Object.entries(value))
  return (name) => {
    const member = members.get(name)
    return typeof member === 'number' || (typeof member === 'string' && member !== '') ? String(member) : undefined
  }
}

export function isJson(text: string): boolean {
  return parseJson(text) !== undefined
}

/** @returns undefined for what is no JSON. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** @returns the media type of the body in lower case and without its parameters; undefined when there is none. */
export function mediaTypeOf(request: RawRequest): string | undefined {
  return headerOf(request, 'content-type')?.split(';')[0]?.trim().toLowerCase()
}

export const FORM = 'application/x-www-form-urlencoded'

/** @returns the values of a space-separated list (RFC 6749 §3.3). */
export function readScope(scope: string | undefined): readonly string[] {
  return (scope ?? '').split(' ').filter((value) => value !== '')
}
