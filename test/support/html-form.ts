/** A form as a browser would send it. */
export interface HtmlForm {
  readonly action: URL
  readonly method: 'GET' | 'POST'
  /** Values of its inputs, as the page set them. */
  readonly fields: ReadonlyMap<string, string>
  /** Submit buttons that have a name, in document order. The first is pressed by the Enter key. */
  readonly buttons: readonly { readonly name: string; readonly value: string }[]
}

/** Reads the forms of a page that well-behaved servers wrote: quoted attributes, no nesting. Not an HTML parser. */
export function readForms(page: string, pageUrl: URL): readonly HtmlForm[] {
  return [...page.matchAll(/<form\b([^>]*)>(.*?)<\/form>/gis)].map(([, attributes = '', content = '']) => {
    const form = readAttributes(attributes)
    const inputs = elements('input', content).filter((input) => isSent(input))
    const buttons = elements('button', content).filter((button) => (button.get('type') ?? 'submit') === 'submit')
    return {
      action: new URL(form.get('action') ?? pageUrl.href, pageUrl),
      method: form.get('method')?.toUpperCase() === 'POST' ? 'POST' : 'GET',
      fields: new Map(inputs.map((input) => [input.get('name') ?? '', input.get('value') ?? ''])),
      buttons: buttons.flatMap((button) => {
        const name = button.get('name')
        return name === undefined ? [] : [{ name, value: button.get('value') ?? '' }]
      }),
    }
  })
}

/** Would a script send this form without anybody pressing a button? */
export function submitsItself(page: string): boolean {
  return /<script\b[^>]*>[^<]*\.submit(?:\.call)?\([^<]*<\/script>/is.test(page)
}

function isSent(input: ReadonlyMap<string, string>): boolean {
  if (!input.has('name') || input.has('disabled')) return false
  const type = input.get('type')?.toLowerCase()
  if (type === 'checkbox' || type === 'radio') return input.has('checked')
  return type !== 'submit' && type !== 'button'
}

function elements(name: string, content: string): readonly ReadonlyMap<string, string>[] {
  const tags = content.matchAll(new RegExp(`<${name}\\b((?:"[^"]*"|'[^']*'|[^>"'])*)>`, 'gis'))
  return [...tags].map(([, attributes = '']) => readAttributes(attributes))
}

function readAttributes(source: string): ReadonlyMap<string, string> {
  const attributes = source.matchAll(/([\w:-]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?/g)
  return new Map(
    [...attributes].map(([, name = '', double, single, bare]) => [
      name.toLowerCase(),
      decode(double ?? single ?? bare ?? ''),
    ]),
  )
}

function decode(text: string): string {
  return text.replace(
    /&(?:#(\d+)|#x([\da-f]+)|(amp|lt|gt|quot|apos));/gi,
    (_entity, decimal?: string, hex?: string, name?: string) => {
      if (decimal !== undefined) return String.fromCodePoint(Number(decimal))
      if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16))
      return NAMED_ENTITIES.get(name?.toLowerCase() ?? '') ?? ''
    },
  )
}

const NAMED_ENTITIES: ReadonlyMap<string, string> = new Map([
  ['amp', '&'],
  ['lt', '<'],
  ['gt', '>'],
  ['quot', '"'],
  ['apos', "'"],
])
