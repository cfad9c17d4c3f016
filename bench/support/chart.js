// Requests per second as horizontal bars, relative to a reference of the same run. An SVG that needs nothing from elsewhere, in the colours
// that the reader's system asks for.
import { rounded } from './statistics.js'

const WIDTH = 900
const PADDING = 24
const BARS_FROM = 400
const BARS_TO = WIDTH - PADDING - 56
const BAR = 10
/** From one bar of a contender to the next. */
const BAR_PITCH = 12
const ROW_GAP = 10
/** Two lines of words. */
const MIN_ROW = 32
const PANEL_HEAD = 46
const PANEL_GAP = 18
const HEAD = 74

const STYLE = `
    svg { font-family: system-ui, -apple-system, 'Segoe UI', 'Helvetica Neue', Arial, sans-serif; font-size: 13px; color-scheme: light dark }
    .paper { fill: #ffffff; stroke: #d1d9e0 } .text { fill: #1f2328 } .quiet { fill: #59636e } .line { stroke: #59636e }
    .ours .newer { fill: #0b57a8 } .ours .older { fill: #7db0e8 } .others .newer { fill: #7b848e } .others .older { fill: #c3cad1 }
    .name { font-size: 12px } .ours .name { font-weight: 600 } .small { font-size: 11px }
    .figure { paint-order: stroke; stroke: #ffffff; stroke-width: 3px }
    .title { font-size: 17px; font-weight: 600 } .panel { font-size: 14px; font-weight: 600 }
    @media (prefers-color-scheme: dark) {
      .paper { fill: #0d1117; stroke: #3d444d } .text { fill: #f0f6fc } .quiet { fill: #9198a1 } .line { stroke: #9198a1 }
      .figure { stroke: #0d1117 }
      .ours .newer { fill: #6cb2ff } .ours .older { fill: #2b5f9f } .others .newer { fill: #8b949e } .others .older { fill: #484f58 }
    }`

/**
 * @param panels each with a `title`, the name of its `reference`, and `rows`: a contender's name and its `values` by Node version.
 * @param nodes major versions, the oldest first.
 */
export function chart({ title, panels, nodes }) {
  let top = HEAD
  const drawn = panels.map((panel) => {
    const { markup, height } = drawPanel(panel, top, nodes)
    top += height + PANEL_GAP
    return markup
  })
  const height = top - PANEL_GAP + PADDING
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-labelledby="title desc">
  <title id="title">${escaped(title)}</title>
  <desc id="desc">${escaped(panels.map((panel) => inWords(panel)).join(' '))}</desc>
  <style>${STYLE}
  </style>
  <rect class="paper" x="0.5" y="0.5" width="${WIDTH - 1}" height="${height - 1}" rx="8"/>
  <text class="text title" x="${PADDING}" y="36">${escaped(title)}</text>
${legend(nodes)}
${drawn.join('\n')}
</svg>
`
}

function legend(nodes) {
  const shown = nodes.map((node, at) => {
    const x = PADDING + at * 96
    const swatches = ['ours', 'others'].map(
      (who, n) =>
        `<g class="${who}"><rect class="${shade(node, nodes)}" x="${x + n * 9}" y="50" width="8" height="${BAR}"/></g>`,
    )
    return `  ${swatches.join('')}<text class="quiet" x="${x + 23}" y="60">Node ${node}</text>`
  })
  return shown.join('\n')
}

function drawPanel({ title, reference, rows }, top, nodes) {
  const most = Math.max(...rows.flatMap(({ values }) => Object.values(values)))
  const scale = (BARS_TO - BARS_FROM) / most
  const rowHeight = Math.max(nodes.length * BAR_PITCH + ROW_GAP, MIN_ROW)
  const height = PANEL_HEAD + rows.length * rowHeight
  const markup = rows.map(({ name, values }, at) => {
    const y = top + PANEL_HEAD + at * rowHeight
    const bars = nodes.map((node, n) =>
      drawBar(values[node], { y: y + n * BAR_PITCH, scale, shade: shade(node, nodes) }),
    )
    const label = drawLabel(name, y + (nodes.length * BAR_PITCH) / 2)
    return `  <g class="${isOurs(name) ? 'ours' : 'others'}">${label}${bars.join('')}</g>`
  })
  const x = (BARS_FROM + scale).toFixed(1)
  return {
    height,
    markup: `  <text class="text panel" x="${PADDING}" y="${top + 18}">${escaped(title)}</text>
  <text class="quiet" x="${PADDING}" y="${top + 35}">requests per second; ${escaped(reference)} is 1</text>
  <line class="line" x1="${x}" x2="${x}" y1="${top + PANEL_HEAD - 4}" y2="${top + height - ROW_GAP + 3}" stroke-dasharray="2 3"/>
${markup.join('\n')}`,
  }
}

/** What follows the first comma goes below, smaller. */
function drawLabel(name, middle) {
  const [first, ...more] = name.split(', ')
  const line = (text, y, style) =>
    `<text class="${style}" x="${BARS_FROM - 10}" y="${y}" text-anchor="end">${escaped(text)}</text>`
  if (more.length === 0) return line(first, middle + 4, 'text name')
  return line(first, middle - 2, 'text name') + line(more.join(', '), middle + 11, 'quiet small')
}

function drawBar(value, { y, scale, shade: colour }) {
  if (value === undefined) return ''
  const width = Math.max(value * scale, 1)
  const bar = `<rect class="${colour}" x="${BARS_FROM}" y="${y}" width="${width.toFixed(1)}" height="${BAR}" rx="1.5"/>`
  const figure = `<text class="quiet small figure" x="${(BARS_FROM + width + 6).toFixed(1)}" y="${y + BAR - 1}">${rounded(value)}</text>`
  return bar + figure
}

function shade(node, nodes) {
  return node === nodes.at(-1) ? 'newer' : 'older'
}

function isOurs(name) {
  return name.startsWith('latchkey')
}

function inWords({ title, reference, rows }) {
  const figures = rows.map(({ name, values }) => {
    const perNode = Object.entries(values).map(([node, value]) => `${rounded(value)} on Node ${node}`)
    return `${name}: ${perNode.join(', ')}`
  })
  return `${title}, as a multiple of ${reference}. ${figures.join('; ')}.`
}

function escaped(text) {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;')
}
