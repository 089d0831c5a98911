/** `npm run bench`: prints tables, and writes docs/bench.md and docs/bench.svg. `-- --quick` and `-- --only a,b` only print. */

const { writeFileSync } = require('node:fs')
const { join } = require('node:path')
const { parseArgs } = require('node:util')
const { chart } = require('./chart')
const { inChild } = require('./children')
const { document, heading, table } = require('./report')
const { targets } = require('./targets')

/**
 * Each in a process of its own.
 *
 * @type {{ file: string, ids: string[], isLong?: boolean, options?: object }[]}
 */
const FAMILIES = [
  ...['ES384', 'RS256-2048', 'RS256-4096', 'ES256', 'EdDSA'].map((algorithm) => ({
    file: 'speed',
    ids: require('./cases/speed').ids(/** @type {any} */ (algorithm)),
    options: { algorithm },
  })),
  { file: 'limit', ids: ['limit'], isLong: true },
  { file: 'express', ids: ['express-seen', 'express-new'] },
  { file: 'next', ids: ['next'], isLong: true },
  { file: 'flood', ids: ['flood'] },
  { file: 'cold', ids: ['cold'] },
  { file: 'first', ids: ['import'] },
  { file: 'memory', ids: ['memory'] },
  { file: 'size', ids: ['size'] },
]

/** In the short form, the rarer algorithms are measured one at a time only. */
const BRIEF = /^(es384|rs256-2048)|^(?!.*-64$)/

async function main() {
  const { values } = parseArgs({ options: { quick: { type: 'boolean' }, only: { type: 'string' } } })
  const isQuick = values.quick === true
  const only = values.only?.split(',')
  const isAsked = (/** @type {string} */ id) => only?.some((start) => id.startsWith(start)) ?? true
  const start = performance.now()

  /** @type {Record<string, import('./report').Result>} */
  const results = {}
  for (const { file, ids, isLong, options } of FAMILIES) {
    const asked = ids.filter((id) => isAsked(id) && (!isQuick || only !== undefined || BRIEF.test(id)))
    // Building an application or the Rust bench takes longer than all the rest of the short form.
    if (asked.length === 0 || (isLong && isQuick && only === undefined)) continue
    const family = inChild(join(__dirname, 'cases', file), 'run', { ...options, asked, isQuick })
    // What fails is not measured, and the tables say so; the rest is.
    for (const result of await family.catch(failed)) {
      results[result.id] = result
      console.log(`${heading(result)}\n\n${table(result)}\n`)
    }
  }

  console.log(targets(results))
  console.log(`\nTook ${Math.round((performance.now() - start) / 1000)} s.`)
  if (isQuick || only !== undefined) return
  const docs = join(__dirname, '../docs')
  writeFileSync(join(docs, 'bench.md'), document(results))
  writeFileSync(join(docs, 'bench.svg'), chart(results))
}

/** @param {unknown} error */
function failed(error) {
  console.error(error)
  process.exitCode = 1
  return []
}

main().catch(failed)
