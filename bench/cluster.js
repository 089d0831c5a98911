/**
 * Measures only the `cluster-new` and `cluster-seen` cases, and prints one line of JSON per library.
 *
 *     node bench/cluster.js [--rounds 5] [--only new|seen] [--sides logto-authkit,jose]
 */

const { parseArgs } = require('node:util')
const { CASES, measure } = require('./cases/cluster')
const { printLine } = require('./rounds')

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '5' }, only: { type: 'string' }, sides: { type: 'string' } },
})

async function main() {
  for (const id of Object.keys(CASES).filter((id) => id.endsWith(values.only ?? ''))) {
    const sides = await measure({ id, rounds: Number(values.rounds), names: values.sides?.split(',') })
    for (const { name, ...kinds } of sides) printLine({ case: id, name, ...kinds })
  }
}

main()
