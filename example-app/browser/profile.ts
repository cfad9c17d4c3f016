import { callOnce, requestOf } from './calls.ts'
import { element, plural, readSession, say, saySignedOut, type SignedIn } from './session.ts'
import { showEnd, showTokenLife, timeOfDay } from './token-life.ts'

const EVERY_MS = 1_000
const MAX_SEEN = 8

const notice = element('notice', HTMLElement)
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
      showEnd()
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
  const { generation, refreshedAt } = token
  if (known !== undefined && generation > known) addToTimeline(known, generation, refreshedAt)
  known = generation
  showTokenLife(token)
}

function addToTimeline(before: number, after: number, at: number): void {
  const item = document.createElement('li')
  const clock = document.createElement('time')
  clock.dateTime = new Date(at).toISOString()
  clock.textContent = timeOfDay(at)
  const missed = after - before > 1 ? `, ${plural(after - before, 'refresh')}` : ''
  item.append(clock, ` generation ${before} → ${after}${missed}`)
  timeline.querySelector('.empty')?.remove()
  timeline.prepend(item)
  while (timeline.children.length > MAX_SEEN) timeline.lastElementChild?.remove()
}

/** The page has these only where there is an API. */
function setUpCalls(): void {
  if (document.getElementById('call') === null) return
  const button = element('call', HTMLButtonElement)
  const keepCalling = element('keep-calling', HTMLInputElement)
  const result = element('call-result', HTMLOutputElement)
  const request = requestOf(element('calls', HTMLElement))
  let isCalling = false

  const call = async (): Promise<void> => {
    if (isCalling) return
    isCalling = true
    const { status, answeredAt } = await callOnce(request, performance.now())
    result.textContent = status === undefined ? 'No answer' : `Answer ${status} after ${Math.round(answeredAt)} ms`
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
