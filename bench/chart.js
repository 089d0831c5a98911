/** Generates docs/bench.svg, which is readable on light and dark pages, from the stored results. */

const { AUTH0, EXPRESS_JWT, NO_AUTH } = require('./apps')
const { ORIGINAL, OURS } = require('./peers')

const VERIFICATIONS = 'verifications per second'
const REQUESTS = 'requests per second'
const LIBRARIES = [OURS, 'fast-jwt', 'jose', 'jsonwebtoken', 'aws-jwt-verify', '@node-rs/jsonwebtoken', ORIGINAL]
const APPLICATIONS = [NO_AUTH, OURS, ORIGINAL, AUTH0, EXPRESS_JWT]
/** For previously verified tokens, only libraries that cache them are compared. All others verify such a token anew. */
const CACHING_LIBRARIES = [OURS, 'fast-jwt, cache']
const CACHING_APPLICATIONS = [NO_AUTH, OURS]

/** @typedef {[id: string, title: string, unit: string, names: string[]]} Group */

/** @type {Group[]} */
const GROUPS = [
  ['es384-new', 'New ES384 tokens', VERIFICATIONS, LIBRARIES],
  ['es384-new-64', 'New ES384 tokens, 64 concurrent', VERIFICATIONS, LIBRARIES],
  ['rs256-2048-new', 'New RS256 tokens', VERIFICATIONS, LIBRARIES],
  ['express-new', 'Express 5, new ES384 tokens', REQUESTS, APPLICATIONS],
  ['es384-seen', 'Previously verified ES384 tokens', `${VERIFICATIONS}, libraries with a cache`, CACHING_LIBRARIES],
  ['express-seen', 'Express 5, previously verified ES384 tokens', REQUESTS, CACHING_APPLICATIONS],
]

const COLUMNS = 2
const COLUMN_WIDTH = 440
const MARGIN = 24
const LINE_HEIGHT = 20
const NAMES_WIDTH = 172
const MAX_BAR_WIDTH = 190
/** Height of the title and the unit of a group. */
const HEAD_HEIGHT = 40
const GAP = 24

/** @param {import('./results').Results['cases']} cases */
function chart(cases) {
  const groups = GROUPS.filter(([id]) => cases[id]?.sides !== undefined)
  let height = MARGIN
  let rowHeight = 0
  const drawn = groups.map(([id, title, unit, names], i) => {
    if (i % COLUMNS === 0) {
      height += rowHeight
      rowHeight = 0
    }
    const bars = sortedBars(names, cases[id].sides ?? {})
    rowHeight = Math.max(rowHeight, HEAD_HEIGHT + bars.length * LINE_HEIGHT + GAP)
    return `<g transform="translate(${MARGIN + (i % COLUMNS) * COLUMN_WIDTH} ${height})">
<text class="title" y="12">${title}</text>
<text class="unit" y="28">${unit}</text>
${bars.map(bar).join('\n')}
</g>`
  })
  height += rowHeight - GAP + MARGIN
  const width = 2 * MARGIN + COLUMNS * COLUMN_WIDTH
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="Verifications and requests per second, compared with other libraries">
${STYLE}
<rect class="page" x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="8"/>
${drawn.join('\n')}
</svg>
`
}

/**
 * Returns the bars of a group, the longest bar first.
 *
 * @param {string[]} names
 * @param {Record<string, import('./results').Side>} sides
 */
function sortedBars(names, sides) {
  const bars = names.flatMap((name) => (sides[name] === undefined ? [] : [{ name, rate: sides[name].rate[0] }]))
  bars.sort((a, b) => b.rate - a.rate)
  return bars.map(({ name, rate }) => ({ name, rate, share: rate / bars[0].rate }))
}

/**
 * @param {{ name: string, rate: number, share: number }} bar
 * @param {number} i
 */
function bar({ name, rate, share }, i) {
  const own = name === OURS ? ' ours' : name === NO_AUTH ? ' limit' : ''
  const width = Math.max(1, MAX_BAR_WIDTH * share)
  const y = HEAD_HEIGHT + i * LINE_HEIGHT
  return `<text class="name${own}" x="${NAMES_WIDTH - 8}" y="${y + 11}">${name}</text>
<rect class="bar${own}" x="${NAMES_WIDTH}" y="${y}" width="${width.toFixed(1)}" height="14" rx="2"/>
<text class="value${own}" x="${(NAMES_WIDTH + width + 6).toFixed(1)}" y="${y + 11}">${Math.round(rate).toLocaleString('en')}</text>`
}

const STYLE = `<style>
text { font: 12px system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; fill: #1f2328 }
.page { fill: #ffffff; stroke: #d1d9e0 }
.title { font-weight: 600; font-size: 13px }
.unit { fill: #59636e; font-size: 11px }
.name { text-anchor: end }
.bar { fill: #afb8c1 }
.bar.ours { fill: #0969da }
.bar.limit { fill: none; stroke: #afb8c1 }
.name.ours, .value.ours { font-weight: 600 }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc }
  .page { fill: #0d1117; stroke: #3d444d }
  .bar { fill: #656c76 }
  .bar.ours { fill: #4493f8 }
  .bar.limit { stroke: #656c76 }
  .unit { fill: #9198a1 }
}
</style>`

module.exports = { CACHING_LIBRARIES, chart }
