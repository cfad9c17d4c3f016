import { html, type Html } from '../html.ts'
import { compare, type Line } from '../wire/compare.ts'
import type { DocumentedForm } from '../wire/documented.ts'
import { PURPOSES, type Purpose } from '../wire/exchange.ts'
import { memberLine, parseHttp, parseMessage, type Message } from '../wire/message.ts'
import type { ShownAnswer, ShownExchange } from '../wire/wire.ts'

const EVIDENCE: Readonly<Record<DocumentedForm['evidence'], string>> = {
  documented: 'documented',
  seen: 'seen in working code',
  inferred: 'inferred',
}

/** Open from the start: the newest of what matters most. */
const OPEN_FIRST: ReadonlySet<Purpose> = new Set(['code', 'refresh', 'revocation'])

/** The exchanges, each beside the provider's own form of it. */
export function wireList(exchanges: readonly ShownExchange[], documented: readonly DocumentedForm[]): Html {
  if (exchanges.length === 0) return html`<p class="quiet">Nothing yet.</p>`
  const first = exchanges.find(({ purpose }) => OPEN_FIRST.has(purpose))
  return html`<ol class="exchanges">
    ${exchanges.map((exchange) => {
      const forms = documented.filter((form) => isAbout(form, exchange))
      return html`<li>${exchangeDetails(exchange, forms, exchange === first)}</li>`
    })}
  </ol>`
}

/** APIs have many calls, and only the same one can be compared. */
function isAbout({ purpose, http }: DocumentedForm, exchange: ShownExchange): boolean {
  if (purpose !== exchange.purpose) return false
  const { method, path } = parseMessage(parseHttp(http))
  return purpose !== 'API call' || (method === exchange.request.method && path === exchange.request.path)
}

function exchangeDetails(exchange: ShownExchange, forms: readonly DocumentedForm[], isOpen: boolean): Html {
  const { at, purpose, request, answer, times } = exchange
  const [main, ...others] = forms
  const time = new Date(at).toISOString()
  return html`<details data-purpose="${purpose}" ${isOpen && html`open data-first`}>
    <summary>
      <time datetime="${time}">${time.slice(11, 23)}</time>
      <strong>${PURPOSES[purpose]}</strong>
      ${times > 1 && html`<span class="tag">${String(times)} times</span>`}
      <code>${request.method} ${request.path}</code>
      ${outcome(answer)}
    </summary>
    ${
      main === undefined
        ? html`<div class="pair">${column('Sent', compare(request).sent)}</div>`
        : html`<p class="verdict"><strong>${verdictOn(request, main)}</strong> ${main.note}</p>
            ${pair(request, main)}`
    }
    ${others.map((form) => alternative(request, form))} ${answer !== undefined && answerLines(answer)}
  </details>`
}

function outcome(answer: ShownAnswer | undefined): Html {
  if (answer === undefined) return html`<span class="status failed">no answer</span>`
  return html`<span class="status ${answer.status < 400 ? 'ok' : 'refused'}">${String(answer.status)}</span>`
}

function verdictOn(request: Message, form: DocumentedForm): string {
  const { differences } = compare(request, parseMessage(parseHttp(form.http)))
  if (differences === 0) return 'The same form.'
  return `${differences} ${differences === 1 ? 'difference' : 'differences'}.`
}

function alternative(request: Message, form: DocumentedForm): Html {
  return html`<details class="alternative">
    <summary>
      Beside another form of it, ${EVIDENCE[form.evidence]}: <strong>${verdictOn(request, form)}</strong>
    </summary>
    ${pair(request, form)}
  </details>`
}

function pair(request: Message, form: DocumentedForm): Html {
  const { sent, documented } = compare(request, parseMessage(parseHttp(form.http)))
  return html`<div class="pair">
      ${column('Sent', sent)} ${column('Their form', documented, EVIDENCE[form.evidence])}
    </div>
    <p class="source">Source: ${form.source}.</p>`
}

function column(title: string, lines: readonly Line[], evidence?: string): Html {
  return html`<div class="column">
    <h3>${title}${evidence !== undefined && html` <span class="tag">${evidence}</span>`}</h3>
    <ul class="http">
      ${lines.map(line)}
    </ul>
  </div>`
}

const MARKS: Readonly<Record<Line['mark'], readonly [sign: string, words: string]>> = {
  same: ['\u00a0', ''],
  only: ['+', 'on this side only: '],
  moved: ['↔', 'in another place: '],
  other: ['≠', 'differs: '],
}

function line({ text, section, mark }: Line): Html {
  const [sign, words] = MARKS[mark]
  // No blanks between the elements: they would be shown.
  return html`<li class="${mark} ${section}">
    ${[
      html`<span class="sign" aria-hidden="true">${sign}</span>`,
      html`<code>${words !== '' && html`<span class="unseen">${words}</span>`}${text === '' ? '\u00a0' : text}</code>`,
    ]}
  </li>`
}

function answerLines({ status, headers, body }: ShownAnswer): Html {
  const lines = [
    `HTTP ${status}`,
    ...headers.map(([name, value]) => `${name}: ${value}`),
    ...body.parameters.map((parameter) => (body.form === 'json' ? memberLine(parameter) : parameter.join('='))),
  ]
  const shown = lines.map((text): Line => ({ text, section: 'body', mark: 'same' }))
  return html`<div class="pair">${column('Answer', shown)}</div>`
}
