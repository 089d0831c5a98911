/**
 * Measures a single `open-flood` case, and prints one line of JSON.
 *
 *     node bench/open-flood.js [--cores 2] [--rate 20000] [--seconds 20] [--large] [--server express|node] [--disconnect]
 *                              [--backlog 100000] [--side logto-authkit]
 *
 * By default, the attacker leaves its connections open after the flood, and their buffers still contain forged tokens.
 * `--disconnect` closes the connections after the flood, and `--backlog` limits the number of unanswered requests.
 * `--side "no authentication"` shows how much of the delay is caused by Express and the attacker alone.
 */

const { parseArgs } = require('node:util')
const { measure } = require('./cases/open-flood')
const { printLine } = require('./rounds')

const { values } = parseArgs({
  options: {
    cores: { type: 'string', default: '2' },
    rate: { type: 'string', default: '20000' },
    seconds: { type: 'string', default: '20' },
    large: { type: 'boolean' },
    server: { type: 'string', default: 'express' },
    backlog: { type: 'string' },
    disconnect: { type: 'boolean' },
    side: { type: 'string', default: 'logto-authkit' },
  },
})

async function main() {
  const report = await measure({
    cores: Number(values.cores),
    rate: Number(values.rate),
    seconds: Number(values.seconds),
    isLarge: values.large,
    isPlain: values.server === 'node',
    backlog: values.backlog === undefined ? undefined : Number(values.backlog),
    disconnects: values.disconnect,
    name: values.side,
  })
  printLine({ case: 'open-flood', ...values, ...report })
}

main()
