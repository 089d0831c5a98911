/** Generates docs/bench.md from the stored results. */

const { AUTH0, EXPRESS_JWT, NO_AUTH } = require('./apps')
const { NAME: BARE_CHECK } = require('./bare')
const { BARE, GUARDED } = require('./cases/next')
const { CACHING_LIBRARIES } = require('./chart')
const { ORIGINAL, OURS } = require('./peers')
const { TARGETS, isTargetMet, targetTable } = require('./targets')

/**
 * @typedef {import('./results').Results} Results
 * @typedef {import('./results').Summary} Summary
 * @typedef {import('./results').Quartiles} Quartiles
 */

const LIBRARIES = [
  OURS,
  'fast-jwt',
  'fast-jwt, cache',
  'aws-jwt-verify',
  'jsonwebtoken',
  'jose',
  '@node-rs/jsonwebtoken',
  ORIGINAL,
]
const APPLICATIONS = [NO_AUTH, OURS, AUTH0, ORIGINAL, EXPRESS_JWT]

/** @type {[id: string, head: string][]} */
const COLUMNS = [
  ['es384-new', 'new ES384 token'],
  ['es384-new-64', 'new ES384 tokens, 64 concurrent'],
  ['rs256-2048-new', 'new RS256 token'],
  ['es384-seen', 'previously verified ES384 token'],
]

/** @param {Results} results */
function document(results) {
  const { cases, targets, environment, commit, date } = results
  // A target that was added after the last full run appears in the report of the next full run.
  const known = TARGETS.filter(({ id }) => id in targets)
  const reached = known.filter((target) => isTargetMet(target, targets[target.id])).length
  const sections = [
    '# Benchmarks',
    `<!-- Generated from bench/results.json by \`npm run bench\`; \`npm run bench -- --report\` writes it again. -->`,
    headline(cases),
    `![Verifications and requests per second, compared with other libraries](bench.svg)`,
    '## Time per verification',
    `Microseconds, and how many times as long as ${OURS} it takes. ES384 is Logto's default. Libraries without a cache verify a previously verified token like a new one.`,
    overview(cases),
    '## Requests per second of an Express 5 application',
    'One process with one route, under load from another process with 64 connections. Only logto-authkit caches verified tokens; the other libraries verify the token of every request.',
    applications(cases),
    '## What this means for you',
    conclusions(results),
    '## Method',
    METHOD,
    `Measured on ${date} at commit ${commit} with ${environment}.`,
    '## All results',
    `A ratio below 1 is faster than the side it is compared with.`,
    ...Object.entries(cases).flatMap(([id, summary]) => [heading(id, summary), table(summary)]),
    '## Targets',
    `The project's performance goals; ${reached} of ${known.length} are reached.`,
    targetTable(targets, known),
  ]
  return `${sections.join('\n\n')}\n`
}

/** @type {(cases: Results['cases'], id: string, name: string) => import('./results').Side} */
function side(cases, id, name) {
  const found = cases[id]?.sides?.[name]
  if (found === undefined) throw new Error(`bench/results.json has no ${name} in ${id}: run \`npm run bench\` in full`)
  return found
}

/** @param {Quartiles} rate */
const microseconds = ([median]) => {
  const time = 1e6 / median
  return time < 10 ? time.toFixed(1) : time.toFixed(0)
}

/** @param {Results['cases']} cases */
function headline(cases) {
  const time = (/** @type {string} */ id) => microseconds(side(cases, id, OURS).rate)
  const times = (/** @type {string} */ id, /** @type {string} */ name) => side(cases, id, name).times[0].toFixed(1)
  return `${OURS} verifies a new ES384 token, Logto's default, in ${time('es384-new')} µs: ${times('es384-new', 'fast-jwt')} times as fast as \`fast-jwt\` and ${times('es384-new', 'jose')} times as fast as \`jose\`. A new RS256 token takes ${time('rs256-2048-new')} µs, about as long as with \`fast-jwt\`. A previously verified token takes ${time('es384-seen')} µs.`
}

/** @param {Results['cases']} cases */
function overview(cases) {
  const rows = LIBRARIES.map((name) => {
    const cells = COLUMNS.map(([id]) => {
      const { times, rate } = side(cases, id, name)
      if (id === 'es384-seen' && !CACHING_LIBRARIES.includes(name)) return 'no cache'
      return name === OURS ? `**${microseconds(rate)}**` : `${microseconds(rate)} (${formatFactor(times[0])} x)`
    })
    return [name === OURS ? `**${name}**` : `\`${name}\``, ...cells]
  })
  return markdown([['library', ...COLUMNS.map(([, head]) => head)], ...rows])
}

/** @param {number} times */
const formatFactor = (times) => (times < 10 ? times.toFixed(1) : times.toFixed(0))

/** @param {Results['cases']} cases */
function applications(cases) {
  const rows = APPLICATIONS.map((name) => {
    const cells = ['express-seen', 'express-new'].map((id) => formatInteger(side(cases, id, name).rate[0]))
    return name === OURS ? [name, ...cells].map((cell) => `**${cell}**`) : [name, ...cells]
  })
  return markdown([['authentication', 'previously verified tokens', 'new tokens'], ...rows])
}

/** @param {Results} results */
function conclusions({ cases, targets }) {
  const spent = (/** @type {string} */ name) => 1e6 / side(cases, 'express-seen', name).rate[0]
  const bare = 1e6 / side(cases, 'es384-new', BARE_CHECK).rate[0]
  const own = 1e6 / side(cases, 'es384-new', OURS).rate[0]
  const next = 1e6 / side(cases, 'next', GUARDED).rate[0] - 1e6 / side(cases, 'next', BARE).rate[0]
  const points = [
    `**The first request with a token costs one signature check.** The check alone takes ${bare.toFixed(0)} µs for ES384; parsing, the claims and the context add ${(own - bare).toFixed(0)} µs. The advantage over other libraries comes from this check: aws-lc verifies P-384 signatures about three times as fast as the OpenSSL in Node. For RS256 the two are close, and so are the libraries.`,
    `**Further requests with the same token skip it.** In Express they take ${spent(OURS).toFixed(0)} µs, ${(spent(OURS) - spent(NO_AUTH)).toFixed(0)} µs more than without authentication; in a Next.js route handler, ${next.toFixed(0)} µs more.`,
    `**A flood of forged tokens costs less.** The p99 of the event-loop delay is ${targets['flood/loop']?.toFixed(2)} times that with \`jose\`, because most signatures are checked on other threads.`,
    `**For most services the difference is small**: a request that queries a database takes milliseconds. It matters when many clients send new ES384 tokens, and when somebody sends forged ones.`,
  ]
  const faster = Object.values(cases).flatMap(({ title, base, sides = {} }) =>
    Object.entries(sides)
      .filter(
        ([name, { times }]) =>
          base === OURS && times[0] < 0.97 && ![NO_AUTH, BARE_CHECK].includes(name) && !name.startsWith(OURS),
      )
      .map(([name, { times }]) => `\`${name}\` (${title}: ${(1 / times[0]).toFixed(2)} x)`),
  )
  if (faster.length > 0) points.push(`**Faster than ${OURS}**: ${faster.join(', ')}.`)
  return points.map((point) => `- ${point}`).join('\n')
}

const METHOD = `\`npm run bench\` runs all cases in about 30 minutes, stores medians and quartiles in \`bench/results.json\` and generates this page and the chart. \`npm run bench -- --quick\` prints rough results in two minutes; \`npm run bench -- --only es384-new,flood\` runs selected cases.

- **Same checks.** Every library is used as its authors recommend, with the key set cached, and checks signature, issuer, audience, expiry and scope. Before it is measured, it must accept a valid token and reject tokens with a bad signature, a wrong audience, a wrong issuer, a past \`exp\` and a missing scope.
- **Alternating slices.** All libraries run in one process, in slices of 150 ms and in a different order in every round. Ratios are computed within a round. Every figure is the median over all rounds, with quartiles.
- **New tokens**: each slice starts with an empty token cache, after a warm-up with other tokens, and uses every token once. **Previously verified tokens**: a working set of 500 tokens. **64 concurrent**: 64 verifications are in flight at any time.
- **Tokens** have Logto's format and about 600 bytes.
- **Keys.** \`fast-jwt\` and \`jsonwebtoken\` are given their only key; the others select it by \`kid\`.
- \`@node-rs/jsonwebtoken\` is called synchronously in sequential cases and on its thread pool in concurrent ones. \`${ORIGINAL}\` stands for the calls that package makes for each request: \`jose.importJWK\`, then \`jwtVerify\`.`

/** @param {string} id @param {Summary} summary */
const heading = (id, { title }) => `### ${title} (\`${id}\`)`

/** @param {Summary} summary */
function table({ note, base = OURS, sides, sidesWithoutSupport = [], rows }) {
  const text = markdown(sides === undefined ? (rows ?? []) : rateRows(sides, base, sidesWithoutSupport))
  return note === undefined ? text : `${note}\n\n${text}`
}

/**
 * @param {Record<string, import('./results').Side>} sides
 * @param {string} base
 * @param {string[]} sidesWithoutSupport
 */
function rateRows(sides, base, sidesWithoutSupport) {
  const head = ['', `times as slow as ${base}`, 'quartiles', 'per second', 'quartiles', 'µs each']
  const rows = Object.entries(sides).map(([name, { times, rate }]) => {
    const [median, low, high] = times.map((figure) => figure.toFixed(2))
    return [
      name,
      name === base ? '1' : median,
      name === base ? '' : `${low} to ${high}`,
      formatInteger(rate[0]),
      `${formatInteger(rate[1])} to ${formatInteger(rate[2])}`,
      (1e6 / rate[0]).toFixed(1),
    ]
  })
  return [
    head,
    ...rows,
    ...sidesWithoutSupport.map((name) => [name, 'does not support this algorithm', '', '', '', '']),
  ]
}

/** @param {string[][]} rows */
function markdown(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)))
  const lines = rows.map((row) => `| ${row.map((cell, column) => cell.padEnd(widths[column])).join(' | ')} |`)
  lines.splice(1, 0, `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`)
  return lines.join('\n')
}

/** @param {number} figure */
const formatInteger = (figure) => Math.round(figure).toLocaleString('en')

module.exports = { document, heading, table }
