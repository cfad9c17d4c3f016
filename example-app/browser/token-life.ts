import { element, type TokenHealth } from './session.ts'

const arc = element('arc', SVGCircleElement)
const left = element('left', HTMLElement)
const leftUnit = element('left-unit', HTMLElement)

/** Fills in what `tokenLife` has put on the page. */
export function showTokenLife({ generation, expiresAt, secondsLeft, refreshedAt, isRefreshable }: TokenHealth): void {
  element('generation', HTMLElement).textContent = String(generation)
  element('refreshes', HTMLElement).textContent = String(generation - 1)
  element('refreshed-at', HTMLElement).textContent = generation === 1 ? 'never' : timeOfDay(refreshedAt)
  element('refreshable', HTMLElement).textContent = isRefreshable ? 'yes' : 'no'
  if (secondsLeft === null || expiresAt === null) showUnknownLife()
  else showLeft(secondsLeft, (expiresAt - refreshedAt) / 1000)
}

export function showEnd(): void {
  showLeft(0, 1)
}

export function timeOfDay(at: number): string {
  return new Date(at).toLocaleTimeString(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit' })
}

function showLeft(seconds: number, lifetime: number): void {
  const [count, unit] = inWords(seconds)
  left.textContent = count
  leftUnit.textContent = seconds > 0 ? `${unit} left` : 'expired'
  arc.setAttribute('stroke-dashoffset', String(1 - Math.min(1, seconds / lifetime)))
  arc.classList.toggle('soon', seconds < lifetime * 0.25)
}

function showUnknownLife(): void {
  left.textContent = '?'
  leftUnit.textContent = 'the server does not say'
}

/** As exactly as anybody wants to know. */
function inWords(seconds: number): readonly [count: string, unit: string] {
  if (seconds < 120) return [String(Math.ceil(seconds)), 'seconds']
  if (seconds < 120 * 60) return [clock(seconds), 'minutes']
  return [clock(seconds / 60), 'hours']
}

function clock(units: number): string {
  const whole = Math.floor(units)
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`
}
