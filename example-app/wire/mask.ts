import { headerValue, type Body, type Message, type Parameter } from './message.ts'
import { isOpen, isSentence } from './open-parameters.ts'
import type { Secrets } from './secrets.ts'
import { isWord, short } from './short.ts'

const REQUEST_HEADERS = ['host', 'content-type', 'authorization']
const ANSWER_HEADERS = ['content-type', 'location', 'remaining-calls', 'retry-after', 'www-authenticate']

const MAX_PARAMETERS = 40
const MAX_LENGTH = 300

/** What of this request may be shown to a browser. */
export function maskMessage({ method, path, query, headers, body }: Message, secrets: Secrets): Message {
  return {
    method: /^[A-Z]{1,10}$/.test(method) ? method : '…',
    path: secrets.cover(maskPath(path)),
    query: maskParameters(query, secrets),
    headers: maskHeaders(headers, REQUEST_HEADERS, secrets),
    body: maskBody(body, secrets),
  }
}

export function maskBody({ form, parameters }: Body, secrets: Secrets): Body {
  return { form, parameters: maskParameters(parameters, secrets) }
}

export function maskAnswerHeaders(headers: readonly Parameter[], secrets: Secrets): readonly Parameter[] {
  return maskHeaders(headers, ANSWER_HEADERS, secrets)
}

function maskParameters(parameters: readonly Parameter[], secrets: Secrets): readonly Parameter[] {
  const shown = parameters.slice(0, MAX_PARAMETERS).map(([name, value, literal]): Parameter => {
    const masked = [secrets.cover(maskName(name)), secrets.cover(maskValue(name, value))] as const
    return literal === undefined ? masked : [...masked, literal]
  })
  const left = parameters.length - shown.length
  return left === 0 ? shown : [...shown, ['…', `${left} more`]]
}

/** A token that was sent without a name is read as a name. */
function maskName(name: string): string {
  return isWord(name) && name.length <= 40 ? name : short(name)
}

function maskValue(name: string, value: string): string {
  if (isSentence(name)) return maskSentence(value)
  if (!isOpen(name)) return short(value)
  return name.toLowerCase().endsWith('_uri') ? maskUrl(value) : value.slice(0, MAX_LENGTH)
}

function maskHeaders(headers: readonly Parameter[], names: readonly string[], secrets: Secrets): readonly Parameter[] {
  return names.flatMap((name): Parameter[] => {
    const value = headerValue(headers, name)
    return value === undefined ? [] : [[titleCase(name), secrets.cover(maskHeader(name, value))]]
  })
}

function maskHeader(name: string, value: string): string {
  switch (name) {
    case 'authorization':
      return maskCredentials(value)
    case 'location':
      return maskUrl(value)
    case 'www-authenticate':
      return maskSentence(value)
    default:
      return /^[\w .:;,=/+*"[\]-]{0,100}$/.test(value) ? value : short(value)
  }
}

/** Of Basic not even the beginning: that is the client's id, or its secret where the id is short. */
function maskCredentials(value: string): string {
  const [scheme = '', ...credentials] = value.split(/ +/)
  if (credentials.length === 0 || !/^[a-z]{1,12}$/i.test(scheme)) return '…'
  return scheme.toLowerCase() === 'bearer' ? `${scheme} ${short(credentials.join(' '))}` : `${scheme} …`
}

/** Keeps the address and what is open in its query. */
function maskUrl(value: string): string {
  const [withoutFragment = ''] = value.split('#')
  const fragment = value.length > withoutFragment.length ? '#…' : ''
  const mark = withoutFragment.indexOf('?')
  if (mark === -1) return `${maskAddress(withoutFragment)}${fragment}`

  const parameters = [...new URLSearchParams(withoutFragment.slice(mark + 1))].slice(0, MAX_PARAMETERS)
  const query = parameters.map(([name, inner]) => {
    const isShown = isOpen(name) && !name.toLowerCase().endsWith('_uri')
    return `${maskName(name)}=${isShown ? inner.slice(0, MAX_LENGTH) : short(inner)}`
  })
  return `${maskAddress(withoutFragment.slice(0, mark))}?${query.join('&')}${fragment}`
}

function maskAddress(address: string): string {
  const [, scheme = '', host = '', path = ''] = /^(\w+:\/\/)?([^/]*)(.*)$/s.exec(address) ?? []
  // Before the @: a user and a password.
  return `${scheme}${host.replace(/^.*@/s, '…@').slice(0, MAX_LENGTH)}${maskPath(path)}`
}

/** Names of kinds of things stay, such as `sign_tasks`, `businessUnits` and `oauth2`. Those of single things may be anything. */
function maskPath(path: string): string {
  const segments = path.slice(0, MAX_LENGTH).split('/')
  return segments.map((segment) => (isKind(segment) ? segment : short(segment))).join('/')
}

function isKind(segment: string): boolean {
  return isWord(segment.replace(/^\./, '')) || /^[a-z]{1,13}(?:\d|(?:[A-Z][a-z]{1,13}){1,3})$/.test(segment)
}

function maskSentence(sentence: string): string {
  const words = sentence.slice(0, MAX_LENGTH)
  return words.replaceAll(/[^\s"',:;()=]{4,}=*/g, (word) => (isWord(word.replace(/[.!?]$/, '')) ? word : short(word)))
}

function titleCase(name: string): string {
  if (name === 'www-authenticate') return 'WWW-Authenticate'
  return name.replaceAll(/\b[a-z]/g, (letter) => letter.toUpperCase())
}
