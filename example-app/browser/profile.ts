import { element, plural, readSession, say, saySignedOut, type SignedIn } from './session.ts'

const EVERY_MS = 1_000
const MAX_SEEN = 8

const notice = element('notice', HTMLElement)
const arc = element('arc', SVGCircleElement)
const left = element('left', HTMLElement)
const leftUnit = element('left-unit', HTMLElement)
const timeline = element('timeline', HTMLOListElement)

let known: number | undefined
let timer: ReturnType<typeof setTimeout> | undefined

/** One poll after the other, and none while nobody looks. */
async function poll(): Promise<void> {
  clearTimeout(timer)
  if (document.hidden) return
  if (await update()) timer = setTimeout(() => void poll(), EVERY_MS)
}

/** @returns whether there is more to come. */
async function update(): Promise<boolean> {
  try {
    const session = await readSession()
    if (!session.signedIn) {
      saySignedOut(notice)
      showLeft(0, 1)
      return false
    }
    notice.hidden = true
    show(session)
  } catch {
    say(notice, 'The app does not answer. Trying again every second.')
  }
  return true
}

function show({ token }: SignedIn): void {
  const { generation, expiresAt, secondsLeft, refreshedAt, isRefreshable } = token
  if (known !== undefined && generation > known) addToTimeline(known, generation, refreshedAt)
  known = generation

  element('generation', HTMLElement).textContent = String(generation)
  element('refreshes', HTMLElement).textContent = String(generation - 1)
  element('refreshed-at', HTMLElement).textContent = generation === 1 ? 'never' : time(refreshedAt)
  element('refreshable', HTMLElement).textContent = isRefreshable ? 'yes' : 'no'
  if (secondsLeft === null || expiresAt === null) showUnknownLife()
  else showLeft(secondsLeft, (expiresAt - refreshedAt) / 1000)
}

function showLeft(seconds: number, lifetime: number): void {
  left.textContent = String(Math.ceil(seconds))
  leftUnit.textContent = seconds > 0 ? 'seconds left' : 'expired'
  arc.setAttribute('stroke-dashoffset', String(1 - Math.min(1, seconds / lifetime)))
  arc.classList.toggle('soon', seconds < lifetime * 0.25)
}

function showUnknownLife(): void {
  left.textContent = '?'
  leftUnit.textContent = 'the server does not say'
}

function addToTimeline(before: number, after: number, at: number): void {
  const item = document.createElement('li')
  const clock = document.createElement('time')
  clock.dateTime = new Date(at).toISOString()
  clock.textContent = time(at)
  const missed = after - before > 1 ? `, ${plural(after - before, 'refresh')}` : ''
  item.append(clock, ` generation ${before} → ${after}${missed}`)
  timeline.querySelector('.empty')?.remove()
  timeline.prepend(item)
  while (timeline.children.length > MAX_SEEN) timeline.lastElementChild?.remove()
}

function time(at: number): string {
  return new Date(at).toLocaleTimeString(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit' })
}

/** The page has these only where there is an API. */
function setUpCalls(): void {
  if (document.getElementById('call') === null) return
  const button = element('call', HTMLButtonElement)
  const keepCalling = element('keep-calling', HTMLInputElement)
  const result = element('call-result', HTMLOutputElement)
  let isCalling = false

  const call = async (): Promise<void> => {
    if (isCalling) return
    isCalling = true
    const begun = performance.now()
    try {
      const response = await fetch('/api/me')
      result.textContent = `Answer ${response.status} after ${Math.round(performance.now() - begun)} ms`
    } catch {
      result.textContent = 'No answer'
    }
    isCalling = false
    await poll()
  }
  button.addEventListener('click', () => void call())
  setInterval(() => {
    if (keepCalling.checked && !document.hidden) void call()
  }, EVERY_MS)
}

document.addEventListener('visibilitychange', () => void poll())
setUpCalls()
await poll()
