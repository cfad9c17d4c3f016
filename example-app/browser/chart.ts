import { outcomeOf, type Call } from './calls.ts'
import type { Refresh } from './refreshes.ts'

export interface ChartData {
  readonly calls: readonly Call[]
  readonly refreshes: readonly Refresh[]
  /** The picture in words. */
  readonly description: string
}

const SVG = 'http://www.w3.org/2000/svg'
const LABEL_WIDTH = 120
const MARGIN = { top: 26, right: 14, bottom: 30, left: 14 }

/** One bar for each call, from when it was made to when it was answered, and a line where the token was refreshed. */
export function drawChart({ calls, refreshes, description }: ChartData, width: number): SVGSVGElement {
  const pitch = calls.length === 1 ? 28 : calls.length <= 10 ? 20 : 2
  const barHeight = calls.length === 1 ? 20 : calls.length <= 10 ? 13 : 2
  const height = MARGIN.top + calls.length * pitch + MARGIN.bottom
  const end = Math.max(1, ...calls.map((call) => call.answeredAt), ...refreshes.map((refresh) => refresh.at))
  const x = (ms: number): number => MARGIN.left + (ms / end) * (width - MARGIN.left - MARGIN.right)
  const bottom = height - MARGIN.bottom

  const svg = create('svg', { viewBox: `0 0 ${width} ${height}`, width, height, role: 'img', 'aria-labelledby': 'chart-title chart-desc' }) // prettier-ignore
  svg.append(
    text('title', 'The calls on a time axis', { id: 'chart-title' }),
    text('desc', description, { id: 'chart-desc' }),
  )

  for (const tick of ticks(end, width < 500 ? 4 : 8)) svg.append(...tickMark(tick, x(tick), width, bottom))
  for (const [index, call] of calls.entries()) {
    const box = {
      y: MARGIN.top + index * pitch + (pitch - barHeight) / 2,
      height: barHeight,
      rx: barHeight > 2 ? 3 : 0,
    }
    const sent = x(call.sentAt)
    svg.append(
      create('rect', { class: 'waiting', x: x(0), width: sent - x(0), ...box }),
      create('rect', { class: outcomeOf(call), x: sent, width: Math.max(2, x(call.answeredAt) - sent), ...box }),
    )
  }
  let labelledTo = 0
  for (const refresh of refreshes) {
    const at = x(refresh.at)
    // A label that would cover another is left out; the line stays.
    const hasRoom = at >= labelledTo
    if (hasRoom) labelledTo = at + LABEL_WIDTH
    svg.append(...refreshMark(at, bottom), ...(hasRoom ? [refreshLabel(refresh, at, width)] : []))
  }
  return svg
}

function tickMark(ms: number, x: number, width: number, bottom: number): SVGElement[] {
  // Text does not stick out on either side.
  const anchor = x < 30 ? 'start' : x > width - 34 ? 'end' : 'middle'
  return [
    create('line', { class: 'grid', x1: x, x2: x, y1: MARGIN.top, y2: bottom }),
    text('text', `${ms} ms`, { class: 'label', x, y: bottom + 18, 'text-anchor': anchor }),
  ]
}

function refreshMark(at: number, bottom: number): SVGElement[] {
  return [
    create('line', { class: 'refresh', x1: at, x2: at, y1: 10, y2: bottom }),
    create('circle', { class: 'refresh', cx: at, cy: 10, r: 4 }),
  ]
}

function refreshLabel({ generation }: Refresh, at: number, width: number): SVGElement {
  const isAtEnd = at > width - LABEL_WIDTH
  const x = isAtEnd ? at - 9 : at + 9
  return text('text', `generation ${generation}`, { class: 'label strong', x, y: 14, 'text-anchor': isAtEnd ? 'end' : 'start' }) // prettier-ignore
}

type Attributes = Readonly<Record<string, string | number>>

/** Round numbers, at most so many. */
function ticks(end: number, most: number): readonly number[] {
  const steps = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000]
  const step = steps.find((candidate) => end / candidate <= most) ?? 60_000
  return Array.from({ length: Math.floor(end / step) + 1 }, (_, index) => index * step)
}

function create<Name extends keyof SVGElementTagNameMap>(
  name: Name,
  attributes: Attributes,
): SVGElementTagNameMap[Name] {
  const made = document.createElementNS(SVG, name)
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, String(value))
  return made
}

function text(name: 'desc' | 'text' | 'title', content: string, attributes: Attributes): SVGElement {
  const made = create(name, attributes)
  made.textContent = content
  return made
}
