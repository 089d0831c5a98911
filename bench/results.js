/** Stores the medians and quartiles of the last full run, from which the report and the chart are generated. */

const { execFileSync } = require('node:child_process')
const { readFileSync, writeFileSync } = require('node:fs')
const { availableParallelism, cpus, totalmem } = require('node:os')
const { join } = require('node:path')
const { OURS } = require('./peers')
const { ratio, spread } = require('./rounds')
const { measureTargets } = require('./targets')

/**
 * @typedef {object} Result - The result of a case, which contains either rates to compare, or rows of figures.
 * @property {string} id
 * @property {string} title
 * @property {string} [note]
 * @property {Record<string, number[]>} [rates] - The rates per second of each side, one per round.
 * @property {string} [base] - The side with which all other sides are compared.
 * @property {string[]} [sidesWithoutSupport] - The sides that do not support the algorithm.
 * @property {string[][]} [rows] - The rows of a table, starting with the header.
 * @property {Record<string, number | null>} [figures] - The figures that the targets use.
 *
 * @typedef {[median: number, low: number, high: number]} Quartiles
 * @typedef {{ times: Quartiles, rate: Quartiles }} Side - `times` is the base's rate divided by the rate of this side.
 * @typedef {object} Summary - The stored summary of a result.
 * @property {string} title
 * @property {string} [note]
 * @property {string} [base]
 * @property {Record<string, Side>} [sides]
 * @property {string[]} [sidesWithoutSupport]
 * @property {string[][]} [rows]
 *
 * @typedef {object} Results
 * @property {string} commit
 * @property {string} date
 * @property {string} environment
 * @property {Record<string, number | null>} targets
 * @property {Record<string, Summary>} cases
 */

const FILE = join(__dirname, 'results.json')

/** @param {Result} result @returns {Summary} */
function summarize({ title, note, rates, base = OURS, sidesWithoutSupport, rows }) {
  if (rates === undefined) return { title, note, rows }
  const sides = Object.entries(rates).map(([name, figures]) => {
    // Ratios are computed per round, because other load on the machine affects both sides of a round.
    return [name, { times: quartiles(ratio(rates[base], figures), 4), rate: quartiles(spread(figures), 1) }]
  })
  return {
    title,
    note,
    base,
    sides: Object.fromEntries(sides),
    sidesWithoutSupport: sidesWithoutSupport?.length ? sidesWithoutSupport : undefined,
  }
}

/**
 * @param {import('./rounds').Spread} spread
 * @param {number} digits
 * @returns {Quartiles}
 */
function quartiles({ median, low, high }, digits) {
  const [a, b, c] = [median, low, high].map((figure) => Number(figure.toFixed(digits)))
  return [a, b, c]
}

/** @param {Record<string, Result>} results */
function store(results) {
  const cases = Object.values(results).map((result) => [result.id, summarize(result)])
  /** @type {Results} */
  const stored = {
    commit: execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: __dirname, encoding: 'utf8' }).trim(),
    date: new Date().toISOString().slice(0, 10),
    environment: environment(),
    targets: measureTargets(results),
    cases: Object.fromEntries(cases),
  }
  writeFileSync(FILE, stringify(stored))
}

/** Formats JSON with each array of numbers or strings on a single line. @param {Results} results */
function stringify(results) {
  const text = JSON.stringify(results, null, 2)
  return `${text.replace(/\[\n\s+([^[\]{}]*?)\n\s+\]/g, (_, items) => `[${items.replace(/\n\s+/g, ' ')}]`)}\n`
}

/** @returns {Results} */
const load = () => JSON.parse(readFileSync(FILE, 'utf8'))

function environment() {
  const { model } = cpus()[0]
  const memory = Math.round(totalmem() / 2 ** 30)
  const versions = PACKAGES.map((name) => {
    const manifest = readFileSync(join(__dirname, '../node_modules', name, 'package.json'), 'utf8')
    return `${name} ${JSON.parse(manifest).version}`
  })
  const node = `Node ${process.versions.node} (OpenSSL ${process.versions.openssl})`
  return `${node} on ${process.platform} ${process.arch}, ${availableParallelism()} cores of ${model.trim()}, ${memory} GiB; ${versions.join(', ')}`
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

module.exports = { load, store, stringify, summarize }
