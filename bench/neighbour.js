/**
 * Measures only the `neighbour` case, and prints one line of JSON per library.
 *
 *     node bench/neighbour.js [--seconds 8] [--sides logto-authkit,jose,fast-jwt] [--express] [--own-session] [--quiet]
 */

const { parseArgs } = require('node:util')
const { measure } = require('./cases/neighbour')
const { printLine } = require('./rounds')

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '8' },
    sides: { type: 'string' },
    express: { type: 'boolean' },
    'own-session': { type: 'boolean' },
    quiet: { type: 'boolean' },
  },
})

async function main() {
  const sides = await measure({
    seconds: Number(values.seconds),
    names: values.sides?.split(','),
    isExpress: values.express,
    hasOwnSession: values['own-session'],
    isQuiet: values.quiet,
  })
  for (const { rate, ...side } of sides) {
    printLine({ case: 'neighbour', ...values, ...side, rate: rate.median, low: rate.low, high: rate.high })
  }
}

main()
