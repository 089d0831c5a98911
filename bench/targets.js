/** The performance targets, computed from the rates of individual rounds, which are not stored. */

const { AUTH0, NO_AUTH } = require('./apps')
const { NAME: BARE_CHECK } = require('./bare')
const { BARE, GUARDED } = require('./cases/next')
const { CASES: OPEN_FLOODS } = require('./cases/open-flood')
const { ORIGINAL, OURS, OUR_LITERAL, OUR_REQUEST } = require('./peers')
const { ratio, spread } = require('./rounds')

/**
 * @typedef {import('./results').Result} Result
 * @typedef {(results: Record<string, Result>) => number} Measure - Throws if a case was not measured.
 * @typedef {{ id: string, title: string, bound: number, unit: string, isMinimum: boolean, measure: Measure }} Target
 */

const ALGORITHMS = ['es384', 'rs256-2048', 'rs256-4096', 'es256', 'eddsa']

/**
 * Returns the first side's speed as a multiple of the second side's speed.
 *
 * @type {(id: string, first: string, second: string) => Measure}
 */
const speedRatio = (id, first, second) => (results) => {
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
const ratioOf = (a, b) => (results) => a(results) / b(results)

/** Applies a measure to every algorithm and returns the lowest result. @type {(measure: (id: string) => Measure) => Measure} */
const lowest = (measure) => (results) => Math.min(...ALGORITHMS.map((name) => measure(`${name}-seen`)(results)))

/** @type {(id: string, title: string, bound: number, unit: string, measure: Measure) => Target} */
const atLeast = (id, title, bound, unit, measure) => ({ id, title, bound, unit, isMinimum: true, measure })

/** @type {(id: string, title: string, bound: number, unit: string, measure: Measure) => Target} */
const atMost = (id, title, bound, unit, measure) => ({ id, title, bound, unit, isMinimum: false, measure })

/** @type {(id: string, title: string) => Target[]} */
const openFloodTargets = (id, title) => [
  atMost(`${id}/memory`, `Open-loop flood, ${title}: memory above idle`, 200, ' MiB', figure(id, 'memory')),
  atMost(`${id}/remembered`, '… rejected previously verified tokens', 0, '', figure(id, 'remembered rejected')),
  ...(id.startsWith('open-flood-2')
    ? [atMost(`${id}/remembered-p99`, '… their p99', 100, ' ms', figure(id, 'remembered p99'))]
    : []),
  atMost(`${id}/hanging`, '… new valid tokens without a response within 1.5 s', 0, '', figure(id, 'new hanging')),
  atMost(`${id}/new`, '… new valid tokens rejected with other statuses than 503', 0, '', figure(id, 'new rejected')),
  atMost(`${id}/recovery`, '… valid tokens rejected 2 s later', 0, '', figure(id, 'recovery rejected')),
  atMost(`${id}/recovery-p99`, '… p99 of new tokens 2 s later', 100, ' ms', figure(id, 'recovery p99')),
]

/** @type {Target[]} */
const TARGETS = [
  atLeast(
    'new/fast-jwt',
    'New ES384 token: speed relative to `fast-jwt`',
    3,
    ' x',
    speedRatio('es384-new', OURS, 'fast-jwt'),
  ),
  atLeast('new/jose', '… relative to `jose`', 4.5, ' x', speedRatio('es384-new', OURS, 'jose')),
  atLeast('new/original', `… relative to \`${ORIGINAL}\``, 8, ' x', speedRatio('es384-new', OURS, ORIGINAL)),
  atMost(
    'new/bare',
    '… time relative to the bare signature check',
    1.1,
    ' x',
    speedRatio('es384-new', BARE_CHECK, OURS),
  ),
  atLeast(
    'new-64/jose',
    'New ES384 tokens, 64 concurrent: speed relative to `jose`',
    3.5,
    ' x',
    speedRatio('es384-new-64', OURS, 'jose'),
  ),
  atLeast(
    'new-64/bare',
    '… relative to bare signature checks on all cores',
    85,
    ' %',
    percent(speedRatio('es384-new-64', OURS, BARE_CHECK)),
  ),
  ...['RS256-4096', 'ES256', 'EdDSA'].map((name) =>
    atLeast(
      `${name.toLowerCase()}-new-64/jose`,
      `New ${name} tokens, 64 concurrent: speed relative to \`jose\``,
      2,
      ' x',
      speedRatio(`${name.toLowerCase()}-new-64`, OURS, 'jose'),
    ),
  ),
  atLeast(
    'rs256/fast-jwt',
    'New RS256 token: speed relative to `fast-jwt`',
    1.8,
    ' x',
    speedRatio('rs256-2048-new', OURS, 'fast-jwt'),
  ),
  atLeast('rs256/jose', '… relative to `jose`', 5, ' x', speedRatio('rs256-2048-new', OURS, 'jose')),
  atLeast(
    'seen/fast-jwt',
    'Previously verified token, slowest algorithm: speed relative to `fast-jwt` with its cache',
    2,
    ' x',
    lowest((id) => speedRatio(id, OURS, 'fast-jwt, cache')),
  ),
  atLeast(
    'seen/rate',
    '… verifications per second on one core',
    500_000,
    '',
    lowest((id) => rate(id, OURS)),
  ),
  atLeast(
    'seen/literal',
    '`verifyAuth(req, {…})`: speed relative to a kept verifier',
    85,
    ' %',
    lowest((id) => percent(speedRatio(id, OUR_LITERAL, OUR_REQUEST))),
  ),
  atLeast(
    'express-seen/bare',
    'Express 5, previously verified tokens: throughput relative to no authentication',
    95,
    ' %',
    percent(speedRatio('express-seen', OURS, NO_AUTH)),
  ),
  atLeast(
    'express-seen/original',
    `… relative to \`${ORIGINAL}\``,
    9,
    ' x',
    speedRatio('express-seen', OURS, ORIGINAL),
  ),
  atLeast(
    'express-new/auth0',
    `Express 5, new tokens: throughput relative to \`${AUTH0}\``,
    2,
    ' x',
    speedRatio('express-new', OURS, AUTH0),
  ),
  atLeast(
    'next/bare',
    'Next.js route in `withAuth`, previously verified tokens: throughput relative to the bare route',
    97,
    ' %',
    percent(speedRatio('next', GUARDED, BARE)),
  ),
  atMost(
    'flood/loop',
    'Flood of forged tokens: p99 event-loop delay relative to `jose`',
    1,
    ' x',
    ratioOf(figure('flood', `${OURS} loop`), figure('flood', 'jose loop')),
  ),
  atMost(
    'flood/file',
    '… p99 of `fs.readFile` relative to no flood',
    2,
    ' x',
    ratioOf(figure('flood', `${OURS} file`), figure('flood', `${OURS}, no flood file`)),
  ),
  atMost(
    'flood/request',
    '… p99 of a request with a previously verified token relative to `jose`',
    0.1,
    ' x',
    ratioOf(figure('flood', `${OURS} request`), figure('flood', 'jose request')),
  ),
  ...Object.entries(OPEN_FLOODS).flatMap(([id, { title }]) => openFloodTargets(id, title)),
  atLeast(
    'neighbour/jose',
    'One core shared with a busy process, new ES384 tokens: speed relative to `jose`',
    1.5,
    ' x',
    figure('neighbour', `${OURS} times`),
  ),
  ...['p50', 'p99'].map((kind) =>
    atMost(
      `neighbour/${kind}`,
      `… ${kind} relative to \`jose\``,
      1,
      ' x',
      ratioOf(figure('neighbour', `${OURS} ${kind}`), figure('neighbour', `jose ${kind}`)),
    ),
  ),
  atLeast(
    'cluster/jose',
    'Four processes on two cores, new tokens: throughput relative to `jose`',
    1,
    ' x',
    ratioOf(figure('cluster-new', `${OURS} rate`), figure('cluster-new', 'jose rate')),
  ),
  ...['p99', 'loop'].map((kind) =>
    atMost(
      `cluster/${kind}`,
      `… p99 of ${kind === 'p99' ? 'a request' : 'the event-loop delay'} relative to \`jose\``,
      1,
      ' x',
      ratioOf(figure('cluster-new', `${OURS} ${kind}`), figure('cluster-new', `jose ${kind}`)),
    ),
  ),
  ...['0 entries', '1,000 entries', '1,000,000 entries'].map((name) =>
    atMost(
      `revocation/${name}`,
      `Check for revocations with ${name}: share of verifying a previously verified token`,
      5,
      ' %',
      figure('revocation-check', name),
    ),
  ),
  atMost('revocation/memory', '… memory of 1,000,000 entries', 150, ' MiB', figure('revocation-load', 'mebibytes')),
  atMost('revocation/load', '… loading them from Redis', 10, ' s', figure('revocation-load', 'seconds')),
  atMost('revocation/others', '… of 1,000,000 others, revoked', 0, '', figure('revocation-load', 'falsePositives')),
  atMost(
    'revocation/latency',
    'Revocation on one of four processes: p99 until the others reject',
    50,
    ' ms',
    figure('revocation-latency', 'p99'),
  ),
  atMost('revocation/mirrors', '200 mirrors, 1,000 per second: p99', 250, ' ms', figure('revocation-mirrors', 'p99')),
  atMost('memory/filling', 'Memory for 5,000 cached tokens', 8, ' MiB', figure('memory', 'filling')),
  atMost('memory/flooding', '… growth after another 1,000,000 tokens', 16, ' MiB', figure('memory', 'flooding')),
  atMost(
    'import/jose',
    'Import to first verification: time relative to `jose`',
    1,
    ' x',
    (results) => 1 / figure('import', 'ratio')(results),
  ),
  atMost('size', 'Size of the stripped addon', 6, ' MiB', figure('size', 'mebibytes')),
]

/** @type {(measure: Measure) => Measure} */
function percent(measure) {
  return (results) => 100 * measure(results)
}

/**
 * Returns the result of each target by id, or `null` for a target that was not measured.
 *
 * @param {Record<string, Result>} results
 * @returns {Record<string, number | null>}
 */
function measureTargets(results) {
  return Object.fromEntries(
    TARGETS.map(({ id, measure }) => {
      try {
        return [id, Number(measure(results).toFixed(4))]
      } catch {
        return [id, null]
      }
    }),
  )
}

/** @param {Target} target @param {number | null | undefined} figure */
function isTargetMet({ bound, isMinimum }, figure) {
  return typeof figure === 'number' && (isMinimum ? figure >= bound : figure <= bound)
}

/**
 * @param {Record<string, number | null>} figures - By id.
 * @param {Target[]} [targets]
 */
function targetTable(figures, targets = TARGETS) {
  const lines = targets.map((target) => {
    const { id, title, bound, unit, isMinimum } = target
    const goal = `${isMinimum ? 'at least' : 'at most'} ${bound.toLocaleString('en')}${unit}`
    const figure = figures[id]
    if (typeof figure !== 'number') return `| ${title} | ${goal} | not measured | |`
    const digits = Math.abs(figure) < 100 ? 2 : 0
    const shown = figure.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits })
    return `| ${title} | ${goal} | ${shown}${unit} | ${isTargetMet(target, figure) ? 'reached' : '**missed**'} |`
  })
  return ['| target | goal | measured | |', '|---|---|---|---|', ...lines].join('\n')
}

module.exports = { TARGETS, isTargetMet, measureTargets, targetTable }
