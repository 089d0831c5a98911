/** Results as a picture, readable on light and on dark pages. */

const { AUTH0, EXPRESS_JWT, NOBODY } = require('./apps')
const { ORIGINAL, OURS } = require('./peers')
const { ratio, spread } = require('./rounds')

const LIBRARIES = ['jose', 'jsonwebtoken', 'aws-jwt-verify', '@node-rs/jsonwebtoken', ORIGINAL]
const APPS = [NOBODY, OURS, ORIGINAL, AUTH0, EXPRESS_JWT]

/** @type {[string, string, string[]][]} */
const GROUPS = [
  ['es384-new', 'ES384, every token new', [OURS, 'fast-jwt', ...LIBRARIES]],
  ['es384-new-64', 'ES384, every token new, 64 at a time', [OURS, 'fast-jwt', ...LIBRARIES]],
  ['rs256-2048-new', 'RS256, every token new', [OURS, 'fast-jwt', ...LIBRARIES]],
  ['es384-seen', 'ES384, tokens seen before', [OURS, 'fast-jwt, cache', ...LIBRARIES]],
  ['express-seen', 'Express 5, ES384, tokens seen before', APPS],
  ['express-new', 'Express 5, ES384, every token new', APPS],
]

const COLUMNS = 2
const COLUMN = 440
const MARGIN = 24
const LINE = 20
const NAMES = 158
const LONGEST = 110
/** The title of a group, and the space below it. */
const TITLE = 48

/** @param {Record<string, import('./report').Result>} results */
function chart(results) {
  const groups = GROUPS.filter(([id]) => results[id]?.rates !== undefined)
  let height = MARGIN
  const drawn = groups.map(([id, title, names], i) => {
    const x = MARGIN + (i % COLUMNS) * COLUMN
    const y = height
    if (i % COLUMNS === COLUMNS - 1 || i === groups.length - 1) height += TITLE + names.length * LINE
    return `<g transform="translate(${x} ${y})">\n${group(title, names, results[id].rates ?? {})}\n</g>`
  })
  const width = 2 * MARGIN + COLUMNS * COLUMN
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
 * @param {Record<string, number[]>} rates
 */
function group(title, names, rates) {
  const present = names.filter((name) => rates[name] !== undefined)
  const fastest = Math.max(...present.map((name) => 1 / ratio(rates[OURS], rates[name]).median))
  const bars = present.map((name, i) => {
    const slower = ratio(rates[OURS], rates[name]).median
    const width = Math.max(1, LONGEST / slower / fastest)
    const y = 12 + i * LINE
    const own = name === OURS ? ' ours' : ''
    const second = `${Math.round(spread(rates[name]).median).toLocaleString('en')}/s`
    const compared = name === OURS ? second : `${comparison(slower)} <tspan class="small">${second}</tspan>`
    return `<text class="name${own}" x="${NAMES - 8}" y="${y + 14}">${name.replace('&', '&amp;')}</text>
<rect class="bar${own}" x="${NAMES}" y="${y + 3}" width="${width.toFixed(1)}" height="14" rx="2"/>
<text class="value${own}" x="${(NAMES + width + 6).toFixed(1)}" y="${y + 14}">${compared}</text>`
  })
  return `<text class="title" x="0" y="4">${title}</text>\n${bars.join('\n')}`
}

/** @param {number} slower - times */
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
