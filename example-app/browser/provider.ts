import { callOnce, countsByStatus, fire, requestOf } from './calls.ts'
import { element, plural, readSession, say, type SignedIn } from './session.ts'
import { showEnd, showTokenLife } from './token-life.ts'
import { showWire } from './wire.ts'

const EVERY_MS = 1_000
const HERD = 200

const notice = element('notice', HTMLElement)
const account = element('account', HTMLElement)
const result = element('result', HTMLElement)
const { session: sessionUrl = '', expire: expireUrl = '', login = '' } = account.dataset
const request = requestOf(account)
const buttons = [element('call', HTMLButtonElement), element('herd', HTMLButtonElement)] as const

let known: number | undefined
let timer: ReturnType<typeof setTimeout> | undefined
let isBusy = false

/** One poll after the other, and none while nobody looks. */
async function poll(): Promise<void> {
  clearTimeout(timer)
  if (document.hidden) return
  try {
    const session = await readSession(sessionUrl)
    if (!session.signedIn) return sayOver()
    notice.hidden = true
    await show(session)
  } catch {
    say(notice, 'The app does not answer. Trying again every second.')
  }
  timer = setTimeout(() => void poll(), EVERY_MS)
}

async function show(session: SignedIn): Promise<void> {
  showTokenLife(session.token)
  element('asked', HTMLElement).textContent = plural(session.refreshesAsked ?? 0, 'refresh')
  const { generation } = session.token
  if (known !== undefined && generation !== known) await showWire()
  known = generation
}

function sayOver(): void {
  say(notice, 'This account is not connected any more.', { href: login, text: 'Connect it again' })
  showEnd()
}

async function callIt(): Promise<void> {
  const { status, answeredAt } = await callOnce(request, performance.now())
  result.textContent = status === undefined ? 'No answer.' : `Answer ${status} after ${Math.round(answeredAt)} ms`
}

/** The app does not know that the token is refused from now on: the first of its calls finds out. */
async function callInHerd(): Promise<void> {
  const expired = await fetch(expireUrl, { method: 'POST' })
  if (!expired.ok) throw new Error(`${expireUrl} answered ${expired.status}`)
  const before = await readSession(sessionUrl)
  result.textContent = `Firing ${HERD} calls …`
  const calls = await fire(request, HERD)
  const after = await readSession(sessionUrl)

  const answers = calls.filter(({ status }) => status !== undefined).length
  const refreshes = before.signedIn && after.signedIn ? (after.refreshesAsked ?? 0) - (before.refreshesAsked ?? 0) : 0
  const tookMs = Math.round(Math.max(...calls.map(({ answeredAt }) => answeredAt)))
  const words = document.createElement('strong')
  words.textContent = `${plural(answers, 'answer')}, ${plural(refreshes, 'refresh')}, ${tookMs}\u00a0ms`
  result.replaceChildren(words, ` ${countsByStatus(calls).join(', ')}`)
}

async function whileBusy(task: () => Promise<void>): Promise<void> {
  if (isBusy) return
  isBusy = true
  for (const button of buttons) button.setAttribute('aria-disabled', 'true')
  try {
    await task()
  } catch {
    result.textContent = 'The app does not answer. Try again in a moment.'
  }
  for (const button of buttons) button.removeAttribute('aria-disabled')
  isBusy = false
  await Promise.all([showWire(), poll()])
}

buttons[0].addEventListener('click', () => void whileBusy(callIt))
buttons[1].addEventListener('click', () => void whileBusy(callInHerd))
document.addEventListener('visibilitychange', () => void poll())
await poll()
