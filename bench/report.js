/** Results as Markdown. */

const { readFileSync } = require('node:fs')
const { availableParallelism, cpus, totalmem } = require('node:os')
const { join } = require('node:path')
const { OURS } = require('./peers')
const { ratio, spread } = require('./rounds')
const { targets } = require('./targets')

/**
 * @typedef {object} Result of a case: rates to compare, or rows of figures
 * @property {string} id
 * @property {string} title
 * @property {string} [note]
 * @property {Record<string, number[]>} [rates] by side, per second, one for each round
 * @property {string} [base] the side that others are compared with
 * @property {string[]} [lacking] sides that cannot do it
 * @property {string[][]} [rows] the first is the head
 * @property {Record<string, number | null>} [figures] what the targets are about
 */

/** @param {Result} result */
const heading = ({ id, title }) => `### ${title} (\`${id}\`)`

/** @param {Result} result */
function table({ note, rates, base = OURS, lacking = [], rows }) {
  const lines = rates === undefined ? (rows ?? []) : rateRows(rates, base, lacking)
  const widths = lines[0].map((_, column) => Math.max(...lines.map((line) => line[column].length)))
  const text = lines.map((line) => `| ${line.map((cell, column) => cell.padEnd(widths[column])).join(' | ')} |`)
  text.splice(1, 0, `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`)
  return [...(note === undefined ? [] : [note, '']), ...text].join('\n')
}

/**
 * @param {Record<string, number[]>} rates
 * @param {string} base
 * @param {string[]} lacking
 */
function rateRows(rates, base, lacking) {
  const head = ['', `${base} is … times as fast`, 'quartiles', 'per second', 'quartiles', 'µs each']
  const rows = Object.entries(rates).map(([name, figures]) => {
    const times = ratio(rates[base], figures)
    const each = spread(figures)
    return [
      name,
      name === base ? '1' : times.median.toFixed(2),
      name === base ? '' : `${times.low.toFixed(2)} to ${times.high.toFixed(2)}`,
      whole(each.median),
      `${whole(each.low)} to ${whole(each.high)}`,
      (1e6 / each.median).toFixed(1),
    ]
  })
  return [head, ...rows, ...lacking.map((name) => [name, 'does not know this algorithm', '', '', '', ''])]
}

/** @param {number} figure */
const whole = (figure) => Math.round(figure).toLocaleString('en')

/** @param {Record<string, Result>} results */
function document(results) {
  const cases = Object.values(results).map((result) => `${heading(result)}\n\n${table(result)}\n`)
  return `${INTRODUCTION}\n${machine()}\n\n## Targets\n\n${targets(results)}\n\n## Figures\n\n${cases.join('\n')}`
}

function machine() {
  const { model } = cpus()[0]
  const memory = Math.round(totalmem() / 2 ** 30)
  const versions = PACKAGES.map((name) => {
    const manifest = readFileSync(join(__dirname, '../node_modules', name, 'package.json'), 'utf8')
    return `${name} ${JSON.parse(manifest).version}`
  })
  const node = `Node ${process.versions.node} (OpenSSL ${process.versions.openssl})`
  return `Measured with ${node} on ${process.platform} ${process.arch}, ${availableParallelism()} cores of ${model.trim()}, ${memory} GiB; ${versions.join(', ')}.`
}

const PACKAGES = [
  'jose',
  'fast-jwt',
  'jsonwebtoken',
  'aws-jwt-verify',
  '@node-rs/jsonwebtoken',
  'express-oauth2-jwt-bearer',
  'express-jwt',
  'jwks-rsa',
  'express',
  'next',
  'autocannon',
]

const INTRODUCTION = `# Bench

\`npm run bench\` measures all of this and writes this page (about 15 minutes); \`npm run bench -- --quick\` prints a rough version in two; \`npm run bench -- --only es384-new,flood\` does some cases.

- **Equal terms.** Each library is used as its authors recommend, with the key set cached, and makes the same checks: signature, issuer, audience, expiry, scope. Before it is measured, each has to accept a good token and to refuse one with a bad signature, another audience, another issuer, that is expired, and that lacks the scope.
- **Sides alternate** in one process, in slices of 150 ms, in another order every round. Ratios are taken within a round; every figure is the median over the rounds, with the quartiles beside it.
- **Every token new** means that each slice starts with nothing remembered and gives each token once. **Tokens seen before** means a working set of 500 tokens. "64 at a time" means that 64 verifications are under way.
- **Tokens** have exactly the form of Logto's, about 600 bytes.
- \`fast-jwt\` and \`jsonwebtoken\` have their one key in hand, the others find it by \`kid\`. \`@node-rs/jsonwebtoken\` is called synchronously one at a time, and on its threads 64 at a time. "The original kit's way" is what \`@ouim/logto-authkit\` does: \`jose.importJWK\` and \`jwtVerify\` for every request.
`

module.exports = { document, heading, table }
