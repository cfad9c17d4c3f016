/** `literal`: in JSON it stands without quotation marks. */
export type Parameter = readonly [name: string, value: string, literal?: 'literal']

/** A request as it went over the wire. */
export interface RawMessage {
  readonly method: string
  /** Path and query, as in the request line. */
  readonly target: string
  readonly headers: readonly Parameter[]
  readonly body: string
}

/** The same, taken apart. */
export interface Message {
  readonly method: string
  readonly path: string
  readonly query: readonly Parameter[]
  readonly headers: readonly Parameter[]
  readonly body: Body
}

export interface Body {
  /** How it is written, whatever its label says. `other` has no parameters that one could name. */
  readonly form: 'none' | 'form' | 'json' | 'other'
  readonly parameters: readonly Parameter[]
}

/** A member of a JSON body. What has been cut is not what it was. */
export function memberLine([name, value, literal]: Parameter): string {
  return `${JSON.stringify(name)}: ${literal === undefined || value.endsWith('…') ? JSON.stringify(value) : value}`
}

export function parseMessage({ method, target, headers, body }: RawMessage): Message {
  const mark = target.indexOf('?')
  const path = mark === -1 ? target : target.slice(0, mark)
  const query = mark === -1 ? [] : [...new URLSearchParams(target.slice(mark + 1))]
  return { method, path, query, headers, body: parseBody(body) }
}

export function parseBody(text: string): Body {
  const body = text.trim()
  if (body === '') return { form: 'none', parameters: [] }
  const members = jsonObject(body)
  if (members !== undefined) return { form: 'json', parameters: Object.entries(members).map(memberText) }
  if (/^[^\s<>{}=&]+=/.test(body)) return { form: 'form', parameters: [...new URLSearchParams(body)] }
  return { form: 'other', parameters: [] }
}

/**
 * Reads a request in the notation of a documentation: lines that begin with a blank go on with the URL, and line breaks of the body are for
 * reading only.
 */
export function parseHttp(text: string): RawMessage {
  const [head = '', ...rest] = text.trim().split(/\n[ \t]*\n/)
  const [requestLine = '', ...headers] = head.replaceAll(/\n\s+/g, '').split('\n')
  const [method = '', target = ''] = requestLine.split(' ')
  return { method, target, headers: headers.map(headerOf), body: rest.join('').replaceAll(/\n\s*/g, '') }
}

export function headerValue(headers: readonly Parameter[], name: string): string | undefined {
  return headers.find(([candidate]) => candidate.toLowerCase() === name)?.[1]
}

function headerOf(line: string): Parameter {
  const colon = line.indexOf(':')
  return [line.slice(0, colon), line.slice(colon + 1).trim()]
}

function memberText([name, value]: [string, unknown]): Parameter {
  return typeof value === 'string' ? [name, value] : [name, JSON.stringify(value), 'literal']
}

function jsonObject(text: string): Record<string, unknown> | undefined {
  if (!text.startsWith('{')) return undefined
  try {
    return JSON.parse(text) as Record<string, unknown>
  } catch {
    return undefined
  }
}
