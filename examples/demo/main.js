// `npm run demo` shows six attacks, a key rotation and an outage under load, revocations in another process, and the
// speed compared with `jose`, with tokens from a live OpenID Connect server. With `--all`, it also verifies every token
// recorded from a real Logto server. The exit code is 0 only if every row matches its expectation.

const { attackRows } = require('./attacks.js')
const { captureRows } = require('./capture.js')
const { startIdentityServer } = require('./identity-server.js')
const { loadRows } = require('./load.js')
const { requestRows } = require('./requests.js')
const { revocationRows } = require('./revocation.js')
const { rotationRows } = require('./rotation.js')
const { measureSpeed } = require('./speed.js')
const { printBars, printList, printSkipped, printSummary, printTable } = require('./table.js')

async function main() {
  // The attacks cause warnings for operators, which would interrupt the tables.
  process.emitWarning = () => {}
  const isAll = process.argv.includes('--all')
  const server = await startIdentityServer()
  try {
    /** @type {import('./verdict.js').Row[]} */
    const rows = []
    const print = (/** @type {string} */ title, /** @type {import('./verdict.js').Row[]} */ part, show = printList) => {
      show(title, part)
      rows.push(...part)
    }
    const requests = await requestRows(server)
    print('Requests to an API, with tokens from an OpenID Connect server', requests)
    print('Attacks', await attackRows(server))
    if (isAll) print('Key rotation without a restart', await rotationRows(server), printTable)
    print('Incidents, with 16 clients that send requests with valid tokens', await loadRows(server))
    const revocation = await revocationRows(server)
    if (typeof revocation === 'string') printSkipped(REVOCATION, revocation)
    else print(REVOCATION, revocation)
    if (isAll) {
      print('Tokens recorded from a real Logto server', await captureRows(), printTable)
    }
    printBars('ES384 tokens verified per second, one at a time', await measureSpeed(server))

    const seconds = (performance.now() / 1000).toFixed(1)
    printSummary(rows, [`${seconds} s`, ...(isAll ? [] : ['more: npm run demo -- --all'])])
    if (rows.every(({ ok }) => ok)) process.exitCode = 0
  } finally {
    await server.close()
  }
}

const REVOCATION = 'Revocation across two processes, through Redis'

process.exitCode = 1
main()
