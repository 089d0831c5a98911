/** What is to be reached, and whether it is. */

const { availableParallelism } = require('node:os')
const { AUTH0, NOBODY } = require('./apps')
const { BARE, GUARDED } = require('./cases/next')
const { ORIGINAL, OURS, OUR_LITERAL, OUR_REQUEST } = require('./peers')
const { ratio, spread } = require('./rounds')

/**
 * @typedef {import('./report').Result} Result
 * @typedef {(results: Record<string, Result>) => number} Measure throws if something was not measured
 */

const ALGORITHMS = ['es384', 'rs256-2048', 'rs256-4096', 'es256', 'eddsa']

/**
 * How many times as fast the first is as the second.
 *
 * @type {(id: string, first: string, second: string) => Measure}
 */
const times = (id, first, second) => (results) => {
  const rates = /** @type {Record<string, number[]>} */ (results[id].rates)
  return ratio(rates[first], rates[second]).median
}

/** @type {(id: string, name: string) => Measure} */
const rate = (id, name) => (results) => spread(/** @type {any} */ (results[id].rates)[name]).median

/** @type {(id: string, name: string) => Measure} */
const figure = (id, name) => (results) => {
  const found = results[id].figures?.[name]
  if (typeof found !== 'number') throw new Error(`${name} was not measured`)
  return found
}

/** @type {(a: Measure, b: Measure) => Measure} */
const quotient = (a, b) => (results) => a(results) / b(results)

/** The slowest algorithm. @type {(measure: (id: string) => Measure) => Measure} */
const worst = (measure) => (results) => Math.min(...ALGORITHMS.map((name) => measure(`${name}-seen`)(results)))

/** In microseconds. */
const bare = figure('limit', 'ES384')

const least = (/** @type {number} */ bound, unit = '') => ({ bound, unit, isLeast: true })
const most = (/** @type {number} */ bound, unit = '') => ({ bound, unit, isLeast: false })

/** @type {[string, { bound: number, unit: string, isLeast: boolean }, Measure][]} */
const TARGETS = [
  ['ES384, new token, one at a time: as fast as `fast-jwt`', least(3, ' x'), times('es384-new', OURS, 'fast-jwt')],
  ['… as `jose`', least(4.5, ' x'), times('es384-new', OURS, 'jose')],
  ["… as the original kit's way", least(8, ' x'), times('es384-new', OURS, ORIGINAL)],
  [
    '… time of the bare signature check',
    most(1.1, ' x'),
    (results) => 1e6 / rate('es384-new', OURS)(results) / bare(results),
  ],
  ['ES384, new tokens, 64 at a time: as fast as `jose`', least(3.5, ' x'), times('es384-new-64', OURS, 'jose')],
  [
    '… of cores x bare signature checks',
    least(85, ' %'),
    (results) => (100 * rate('es384-new-64', OURS)(results) * bare(results)) / 1e6 / availableParallelism(),
  ],
  [
    'RS256-2048, new token, one at a time: as fast as `fast-jwt`',
    least(1.8, ' x'),
    times('rs256-2048-new', OURS, 'fast-jwt'),
  ],
  ['… as `jose`', least(5, ' x'), times('rs256-2048-new', OURS, 'jose')],
  [
    "Any algorithm, token seen before: as fast as `fast-jwt`'s cache",
    least(2, ' x'),
    worst((id) => times(id, OURS, 'fast-jwt, cache')),
  ],
  ['… per second on one core', least(500_000), worst((id) => rate(id, OURS))],
  [
    '`verifyAuth(req, {…})`, of a kept verifier',
    least(85, ' %'),
    worst((id) => percent(times(id, OUR_LITERAL, OUR_REQUEST))),
  ],
  [
    'Express 5, tokens seen before: of the app without authentication',
    least(95, ' %'),
    percent(times('express-seen', OURS, NOBODY)),
  ],
  ["… as fast as the original kit's way", least(9, ' x'), times('express-seen', OURS, ORIGINAL)],
  ["Express 5, every token new: as fast as Auth0's middleware", least(2.5, ' x'), times('express-new', OURS, AUTH0)],
  [
    '`next start`, `withAuth`, tokens seen before: of the bare route',
    least(97, ' %'),
    percent(times('next', GUARDED, BARE)),
  ],
  [
    "Flood of forged tokens, event-loop delay p99: of `jose`'s",
    most(1, ' x'),
    quotient(figure('flood', `${OURS} loop`), figure('flood', 'jose loop')),
  ],
  [
    '… `fs.readFile` p99: of the quiet one',
    most(2, ' x'),
    quotient(figure('flood', `${OURS} file`), figure('flood', `${OURS}, quiet file`)),
  ],
  [
    "… p99 of a request with a seen token: of `jose`'s",
    most(0.1, ' x'),
    quotient(figure('flood', `${OURS} request`), figure('flood', 'jose request')),
  ],
  ['Memory, 5,000 remembered tokens', most(8, ' MiB'), figure('memory', 'filling')],
  ['… and 1,000,000 later', most(16, ' MiB'), figure('memory', 'flooding')],
  [
    "Import to first verification: of `jose`'s time",
    most(1, ' x'),
    (results) => 1 / figure('import', 'ratio')(results),
  ],
  ['Addon, stripped', most(6, ' MiB'), figure('size', 'mebibytes')],
]

/** @type {(measure: Measure) => Measure} */
function percent(measure) {
  return (results) => 100 * measure(results)
}

/** @param {Record<string, Result>} results */
function targets(results) {
  const lines = TARGETS.map(([title, { bound, unit, isLeast }, measure]) => {
    const target = `${isLeast ? 'at least' : 'at most'} ${bound.toLocaleString('en')}${unit}`
    const measured = attempt(measure, results)
    if (measured === undefined) return `| ${title} | ${target} | not measured | |`
    const digits = Math.abs(measured) < 100 ? 2 : 0
    const shown = measured.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits })
    return `| ${title} | ${target} | ${shown}${unit} | ${measured >= bound === isLeast || measured === bound ? 'reached' : '**not reached**'} |`
  })
  return ['| case | target | measured | |', '|---|---|---|---|', ...lines].join('\n')
}

/**
 * @param {Measure} measure
 * @param {Record<string, Result>} results
 */
function attempt(measure, results) {
  try {
    return measure(results)
  } catch {
    return undefined
  }
}

module.exports = { targets }
