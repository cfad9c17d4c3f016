import { memberLine, type Message, type Parameter } from './message.ts'

/** One line of a request as it is shown. */
export interface Line {
  readonly text: string
  readonly section: Section
  /**
   * `only`: the other side has nothing like it. `moved`: it has it in another place, in the body instead of the URL for instance. `other`: it
   * has it with another value.
   */
  readonly mark: 'same' | 'only' | 'moved' | 'other'
}

export interface Comparison {
  readonly sent: readonly Line[]
  readonly documented: readonly Line[]
  /** What has moved counts once, however many parameters that are. */
  readonly differences: number
}

type Section = 'start' | 'query' | 'header' | 'blank' | 'body'

interface Part {
  readonly section: Section
  readonly name: string
  /** What must be equal. Absent: whatever stands there, such as a code. */
  readonly value?: string | undefined
  readonly text: string
}

const ORDER: readonly Section[] = ['start', 'query', 'header', 'blank', 'body']

/** The values of these are part of the form; those of all others are different each time. */
const LITERAL = new Set([
  'code_challenge_method',
  'grant_type',
  'prompt',
  'response_mode',
  'response_type',
  'token_type_hint',
])

/** @param documented absent: there is nothing to compare with. */
export function compare(sent: Message, documented?: Message): Comparison {
  const sentParts = partsOf(sent)
  const documentedParts = documented === undefined ? [] : partsOf(documented)
  if (documented === undefined) return { sent: sentParts.map(unmarked), documented: [], differences: 0 }

  const sentLines = inOrderOf(documentedParts, sentParts).map((part) => marked(part, documentedParts))
  const documentedLines = documentedParts.map((part) => marked(part, sentParts))
  return { sent: sentLines, documented: documentedLines, differences: count(sentLines, documentedLines) }
}

function partsOf({ method, path, query, headers, body }: Message): readonly Part[] {
  const start = `${method} ${path}`
  const queryParts = query.map((parameter, index) => parameterPart('query', parameter, `${index === 0 ? '?' : '&'}${parameter[0]}=${parameter[1]}`)) // prettier-ignore
  const blank: readonly Part[] = body.form === 'none' ? [] : [{ section: 'blank', name: '', text: '' }]
  const bodyParts = body.parameters.map((parameter) =>
    parameterPart('body', parameter, body.form === 'json' ? memberLine(parameter) : `${parameter[0]}=${parameter[1]}`),
  )
  return [
    { section: 'start', name: '', value: start, text: start },
    ...queryParts,
    ...headers.map(headerPart),
    ...blank,
    ...bodyParts,
  ]
}

function parameterPart(section: Section, [name, value]: Parameter, text: string): Part {
  return { section, name, value: LITERAL.has(name) ? value : undefined, text }
}

function headerPart([name, value]: Parameter): Part {
  const part = { section: 'header', name: name.toLowerCase(), text: `${name}: ${value}` } as const
  switch (part.name) {
    case 'authorization':
      return { ...part, value: value.split(' ')[0]?.toLowerCase() }
    case 'content-type':
      return { ...part, value: value.split(';')[0]?.trim().toLowerCase() }
    default:
      return part
  }
}

/** As the other side has it, and what that does not have at the end of each section. */
function inOrderOf(model: readonly Part[], parts: readonly Part[]): readonly Part[] {
  const rank = (part: Part): number => {
    const index = model.findIndex((candidate) => isSamePlace(candidate, part))
    return ORDER.indexOf(part.section) * 1_000 + (index === -1 ? 999 : index)
  }
  return parts.toSorted((one, other) => rank(one) - rank(other))
}

function marked(part: Part, others: readonly Part[]): Line {
  const { section, text, value } = part
  if (section === 'blank') return { section, text, mark: 'same' }
  const counterpart = others.find((candidate) => isSamePlace(candidate, part))
  if (counterpart !== undefined) return { section, text, mark: counterpart.value === value ? 'same' : 'other' }
  return { section, text, mark: others.some((candidate) => isElsewhere(candidate, part)) ? 'moved' : 'only' }
}

function unmarked({ section, text }: Part): Line {
  return { section, text, mark: 'same' }
}

function isSamePlace(one: Part, other: Part): boolean {
  return one.section === other.section && one.name === other.name
}

function isElsewhere(one: Part, other: Part): boolean {
  const places = [one.section, other.section]
  return one.name === other.name && places.includes('query') && places.includes('body')
}

/** What has another value stands on both sides, and counts once as well. */
function count(sent: readonly Line[], documented: readonly Line[]): number {
  const hasMoved = sent.some(({ mark }) => mark === 'moved')
  const onlySent = sent.filter(({ mark }) => mark === 'only' || mark === 'other')
  const onlyDocumented = documented.filter(({ mark }) => mark === 'only')
  return onlySent.length + onlyDocumented.length + (hasMoved ? 1 : 0)
}
