/** Generates docs/bench.svg, which is readable on light and dark pages, from the stored results. */

const { AUTH0, EXPRESS_JWT, NO_AUTH } = require('./apps')
const { ORIGINAL, OURS } = require('./peers')

const LIBRARIES = ['jose', 'jsonwebtoken', 'aws-jwt-verify', '@node-rs/jsonwebtoken', ORIGINAL]
const APPS = [NO_AUTH, OURS, ORIGINAL, AUTH0, EXPRESS_JWT]

/** @type {[string, string, string[]][]} */
const GROUPS = [
  ['es384-new', 'ES384, new tokens', [OURS, 'fast-jwt', ...LIBRARIES]],
  ['es384-new-64', 'ES384, new tokens, 64 concurrent', [OURS, 'fast-jwt', ...LIBRARIES]],
  ['rs256-2048-new', 'RS256, new tokens', [OURS, 'fast-jwt', ...LIBRARIES]],
  ['es384-seen', 'ES384, previously verified tokens', [OURS, 'fast-jwt, cache', ...LIBRARIES]],
  ['express-seen', 'Express 5, ES384, previously verified tokens', APPS],
  ['express-new', 'Express 5, ES384, new tokens', APPS],
]

const COLUMNS = 2
const COLUMN_WIDTH = 440
const MARGIN = 24
const LINE_HEIGHT = 20
const NAMES_WIDTH = 158
const MAX_BAR_WIDTH = 110
/** Height of a group's title and the space below the group. */
const TITLE_HEIGHT = 48

/** @param {import('./results').Results['cases']} cases */
function chart(cases) {
  const groups = GROUPS.filter(([id]) => cases[id]?.sides !== undefined)
  let height = MARGIN
  const drawn = groups.map(([id, title, names], i) => {
    const x = MARGIN + (i % COLUMNS) * COLUMN_WIDTH
    const y = height
    if (i % COLUMNS === COLUMNS - 1 || i === groups.length - 1) height += TITLE_HEIGHT + names.length * LINE_HEIGHT
    return `<g transform="translate(${x} ${y})">\n${group(title, names, cases[id].sides ?? {})}\n</g>`
  })
  const width = 2 * MARGIN + COLUMNS * COLUMN_WIDTH
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="Verifications and requests per second, compared with other libraries">
${STYLE}
<rect class="page" x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="8"/>
${drawn.join('\n')}
</svg>
`
}

/**
 * @param {string} title
 * @param {string[]} names
 * @param {Record<string, import('./results').Side>} sides
 */
function group(title, names, sides) {
  const present = names.filter((name) => sides[name] !== undefined)
  const fastest = Math.max(...present.map((name) => 1 / sides[name].times[0]))
  const bars = present.map((name, i) => {
    const slower = sides[name].times[0]
    const width = Math.max(1, MAX_BAR_WIDTH / slower / fastest)
    const y = 12 + i * LINE_HEIGHT
    const own = name === OURS ? ' ours' : ''
    const second = `${Math.round(sides[name].rate[0]).toLocaleString('en')}/s`
    const compared = name === OURS ? second : `${comparison(slower)} <tspan class="small">${second}</tspan>`
    return `<text class="name${own}" x="${NAMES_WIDTH - 8}" y="${y + 14}">${name.replace('&', '&amp;')}</text>
<rect class="bar${own}" x="${NAMES_WIDTH}" y="${y + 3}" width="${width.toFixed(1)}" height="14" rx="2"/>
<text class="value${own}" x="${(NAMES_WIDTH + width + 6).toFixed(1)}" y="${y + 14}">${compared}</text>`
  })
  return `<text class="title" x="0" y="4">${title}</text>\n${bars.join('\n')}`
}

/** @param {number} slower - How many times as slow as this library. */
function comparison(slower) {
  const times = slower >= 1 ? slower : 1 / slower
  const digits = times < 1.2 ? 2 : times < 20 ? 1 : 0
  return `${times.toFixed(digits)} x ${slower >= 1 ? 'slower' : 'faster'}`
}

const STYLE = `<style>
text { font: 12px system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; fill: #1f2328 }
.page { fill: #ffffff; stroke: #d1d9e0 }
.title { font-weight: 600; font-size: 13px }
.name { text-anchor: end }
.bar { fill: #afb8c1 }
.bar.ours { fill: #0969da }
.name.ours, .value.ours { font-weight: 600 }
.small { fill: #59636e }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc }
  .page { fill: #0d1117; stroke: #3d444d }
  .bar { fill: #656c76 }
  .bar.ours { fill: #4493f8 }
  .small { fill: #9198a1 }
}
</style>`

module.exports = { chart }
