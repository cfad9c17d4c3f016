import { element } from './session.ts'

/** Asks for the last exchanges. What was opened or closed by hand stays so; only the first of those that matter most opens by itself. */
export async function showWire(): Promise<void> {
  const wire = element('wire', HTMLElement)
  const response = await fetch(wire.dataset['from'] ?? '')
  if (!response.ok) return
  const { body } = new DOMParser().parseFromString(await response.text(), 'text/html')
  const before = new Map(exchangesIn(wire).map((details) => [nameOf(details), details]))
  for (const details of exchangesIn(body)) {
    const known = before.get(nameOf(details))
    const hasOpenedItself = known !== undefined && isFirst(known) && known.open && !isFirst(details)
    if (known !== undefined && !hasOpenedItself) details.open = known.open
  }
  wire.replaceChildren(...body.childNodes)
}

function exchangesIn(place: HTMLElement): readonly HTMLDetailsElement[] {
  return [...place.querySelectorAll<HTMLDetailsElement>('details[data-purpose]')]
}

function isFirst(details: HTMLDetailsElement): boolean {
  return details.hasAttribute('data-first')
}

/** When it was and what it was about. */
function nameOf(details: HTMLDetailsElement): string {
  return `${details.querySelector('time')?.dateTime ?? ''} ${details.dataset['purpose'] ?? ''}`
}
