import { countsByStatus, fire, outcomeOf, type Call, type Outcome } from './calls.ts'
import { drawChart, type ChartData } from './chart.ts'
import { refreshesDuring, type Refresh } from './refreshes.ts'
import { element, plural, readSession, say, saySignedOut, type SignedIn } from './session.ts'

const notice = element('notice', HTMLElement)
const controls = element('controls', HTMLFormElement)
const sessionUrl = controls.dataset['session'] ?? '/session'
const path = element('path', HTMLInputElement)
const waitsForExpiry = element('expired', HTMLInputElement)
const tokenLine = element('token-line', HTMLElement)
const summary = element('summary', HTMLElement)
const chart = element('chart', HTMLElement)
const buttons = [...controls.querySelectorAll('button')]

const OUTCOMES: Readonly<Record<Outcome, string>> = { ok: 'answered', refused: 'refused', failed: 'failed' }

let drawn: ChartData | undefined
let drawnWidth = 0
let isRunning = false

async function run(count: number): Promise<void> {
  notice.hidden = true
  if (waitsForExpiry.checked) await untilExpired()
  const before = await demandSession()
  summary.textContent = `Firing ${plural(count, 'call')} …`
  const request = { method: 'GET', url: `/api/${path.value.replace(/^\/+/, '')}`, body: '' }
  const firing = fire(request, count)
  const [calls, refreshes] = await Promise.all([firing, refreshesDuring(firing, before, sessionUrl)])
  const after = await demandSession()
  showToken(after)
  show(calls, after.token.generation - before.token.generation, refreshes)
}

async function untilExpired(): Promise<void> {
  for (let isTold = false; ; isTold = true) {
    const session = await demandSession()
    showToken(session)
    const { secondsLeft } = session.token
    if (secondsLeft === null || secondsLeft === 0) return
    // Said once: read out every second, it would be a nuisance. The line above counts.
    if (!isTold) summary.textContent = 'Waiting until the access token has expired …'
    await new Promise((resolve) => {
      setTimeout(resolve, Math.min(1_000, secondsLeft * 1_000 + 20))
    })
  }
}

/** @param count of refreshes; those seen may be fewer, when they came quickly. */
function show(calls: readonly Call[], count: number, seen: readonly Refresh[]): void {
  const answers = calls.filter((call) => call.status !== undefined).length
  const tookMs = Math.round(Math.max(...calls.map((call) => call.answeredAt)))
  const words = `${plural(answers, 'answer')}, ${plural(count, 'refresh')}, ${tookMs}\u00a0ms`
  summary.replaceChildren(strong(words), ` ${countsByStatus(calls).join(', ')}`)

  drawn = { calls, refreshes: seen, description: `${words}. Each bar is one call.` }
  draw()
  showLegend(calls, seen.length > 0)
  showTable(calls)
}

function draw(): void {
  drawnWidth = chart.clientWidth
  if (drawn !== undefined) chart.replaceChildren(drawChart(drawn, drawnWidth))
}

function showLegend(calls: readonly Call[], isRefreshed: boolean): void {
  const present = new Set<Outcome>(calls.map(outcomeOf))
  const entries = Object.entries(OUTCOMES).filter(([outcome]) => present.has(outcome as Outcome))
  entries.push(['waiting', 'waiting for a free connection of this browser'])
  if (isRefreshed) entries.push(['refresh', 'token refreshed'])
  element('legend', HTMLElement).replaceChildren(
    ...entries.map(([kind, name]) => {
      const item = document.createElement('li')
      item.className = kind
      item.textContent = name
      return item
    }),
  )
}

function showTable(calls: readonly Call[]): void {
  element('details', HTMLDetailsElement).hidden = false
  const rows = calls.map(({ number, status, sentAt, answeredAt }) => {
    const row = document.createElement('tr')
    const cells = [number, status ?? 'none', `${sentAt.toFixed(1)} ms`, `${answeredAt.toFixed(1)} ms`]
    for (const cell of cells) row.insertCell().textContent = String(cell)
    return row
  })
  element('rows', HTMLTableSectionElement).replaceChildren(...rows)
}

function showToken({ token: { generation, secondsLeft } }: SignedIn): void {
  const life = secondsLeft === null ? 'no known end' : secondsLeft > 0 ? `${Math.ceil(secondsLeft)} s left` : 'expired'
  tokenLine.textContent = `Access token: generation ${generation}, ${life}`
}

class SignedOut extends Error {}

async function demandSession(): Promise<SignedIn> {
  const session = await readSession(sessionUrl)
  if (!session.signedIn) throw new SignedOut()
  return session
}

async function attempt(task: () => Promise<void>): Promise<void> {
  try {
    await task()
  } catch (error) {
    summary.textContent = 'Nothing to show.'
    if (error instanceof SignedOut) saySignedOut(notice)
    else say(notice, 'The app does not answer. Try again in a moment.')
  }
}

function strong(text: string): HTMLElement {
  const made = document.createElement('strong')
  made.textContent = text
  return made
}

controls.addEventListener('submit', (event) => {
  event.preventDefault()
  if (isRunning) return
  isRunning = true
  for (const button of buttons) button.setAttribute('aria-disabled', 'true')
  // Enter in the text field presses the first button.
  const count = event.submitter instanceof HTMLButtonElement ? Number(event.submitter.value) : 1
  void attempt(() => run(count)).finally(() => {
    isRunning = false
    for (const button of buttons) button.removeAttribute('aria-disabled')
  })
})

// Drawing changes the height; only another width needs another drawing.
new ResizeObserver(() => chart.clientWidth !== drawnWidth && draw()).observe(chart)

setInterval(() => {
  // Counts down on the page, so that one sees when the token has expired.
  if (!isRunning && !document.hidden)
    void readSession(sessionUrl).then(
      (session) => session.signedIn && showToken(session),
      () => {},
    )
}, 1_000)
