import { createHash } from 'node:crypto'

/** Markup that needs no escaping any more. */
export class Html {
  readonly #markup: string

  constructor(markup: string) {
    this.#markup = markup
  }

  toString(): string {
    return this.#markup
  }
}

type Value = string | Html | readonly Html[] | undefined | false

/** Template tag: text is escaped, for elements and quoted attributes; `Html` goes in as it is; `undefined` is nothing. */
export function html(strings: TemplateStringsArray, ...values: readonly Value[]): Html {
  return new Html(strings.reduce((markup, string, index) => markup + render(values[index - 1]) + string))
}

function render(value: Value): string {
  if (value === undefined || value === false) return ''
  if (typeof value === 'string') return escape(value)
  return value instanceof Html ? value.toString() : value.join('')
}

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}

/** The CSP source that allows exactly this inline style or script. */
export function cspHash(source: string): string {
  return `'sha256-${createHash('sha256').update(source).digest('base64')}'`
}
