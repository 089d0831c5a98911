/**
 * Compares the library with other libraries.
 *
 *     npm run bench                            all cases; stores the results and generates docs/bench.md and docs/bench.svg
 *     npm run bench -- --quick                 rough results, printed only
 *     npm run bench -- --only es384-new,flood  cases whose ids start with one of these strings, printed only
 *     npm run bench -- --only es384-new-64 --sides logto-authkit,jose
 *                                              selected libraries, in the cases that compare rates
 *     npm run bench -- --report                generates the page and the chart from the stored results
 */

const { writeFileSync } = require('node:fs')
const { join } = require('node:path')
const { parseArgs } = require('node:util')
const { chart } = require('./chart')
const { inChild } = require('./children')
const { document, heading, table } = require('./report')
const { load, store, summarize } = require('./results')
const { measureTargets, targetTable } = require('./targets')

/**
 * Each family of cases runs in its own process.
 *
 * @type {{ file: string, ids: string[], isLong?: boolean, options?: object }[]}
 */
const FAMILIES = [
  ...['ES384', 'RS256-2048', 'RS256-4096', 'ES256', 'EdDSA'].map((algorithm) => ({
    file: 'speed',
    ids: require('./cases/speed').ids(/** @type {any} */ (algorithm)),
    options: { algorithm },
  })),
  { file: 'express', ids: ['express-seen', 'express-new'] },
  { file: 'next', ids: ['next'], isLong: true },
  { file: 'flood', ids: ['flood'] },
  { file: 'open-flood', ids: Object.keys(require('./cases/open-flood').CASES), isLong: true },
  { file: 'neighbour', ids: Object.keys(require('./cases/neighbour').CASES), isLong: true },
  { file: 'cluster', ids: Object.keys(require('./cases/cluster').CASES), isLong: true },
  { file: 'revocation', ids: require('./cases/revocation').CASES, isLong: true },
  { file: 'mirrors', ids: require('./cases/mirrors').CASES, isLong: true },
  { file: 'cold', ids: ['cold'] },
  { file: 'first', ids: ['import'] },
  { file: 'memory', ids: ['memory'] },
  { file: 'size', ids: ['size'] },
]

/** Ids of the cases in a quick run, which measures less common algorithms only sequentially. */
const QUICK_ID_PATTERN = /^(es384|rs256-2048)|^(?!.*-64$)/

async function main() {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean' },
      only: { type: 'string' },
      sides: { type: 'string' },
      report: { type: 'boolean' },
    },
  })
  if (values.report) return writePages()
  const isQuick = values.quick === true
  const only = values.only?.split(',')
  const sides = values.sides?.split(',')
  const isSelected = (/** @type {string} */ id) => only?.some((start) => id.startsWith(start)) ?? true
  const start = performance.now()

  /** @type {Record<string, import('./results').Result>} */
  const results = {}
  for (const { file, ids, isLong, options } of FAMILIES) {
    const selectedIds = ids.filter(
      (id) => isSelected(id) && (!isQuick || only !== undefined || QUICK_ID_PATTERN.test(id)),
    )
    // A quick run omits long families, which take longer than all other families together.
    if (selectedIds.length === 0 || (isLong && isQuick && only === undefined)) continue
    const family = inChild(join(__dirname, 'cases', file), 'run', { ...options, selectedIds, isQuick, sides })
    // If a family fails, the others still run, and the report lists what was not measured.
    for (const result of await family.catch(reportFailure)) {
      results[result.id] = result
      console.log(`${heading(result.id, result)}\n\n${table(summarize(result))}\n`)
    }
  }

  console.log(targetTable(measureTargets(results)))
  console.log(`\nTook ${Math.round((performance.now() - start) / 1000)} s.`)
  if (isQuick || only !== undefined || sides !== undefined) return
  store(results)
  writePages()
}

function writePages() {
  const [docs, results] = [join(__dirname, '../docs'), load()]
  writeFileSync(join(docs, 'bench.md'), document(results))
  writeFileSync(join(docs, 'bench.svg'), chart(results.cases))
}

/** @param {unknown} error */
function reportFailure(error) {
  console.error(error)
  process.exitCode = 1
  return []
}

main().catch(reportFailure)
