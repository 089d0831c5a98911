// `npm run demo`: what `verifyAuth` answers, first with tokens of a live OpenID Connect server, then with recorded ones
// of a real Logto. The exit code is 0 only if every row of the tables is as expected.

const { captureRows } = require('./capture.js')
const { startIdentityServer } = require('./identity-server.js')
const { requestRows } = require('./requests.js')
const { rotationRows } = require('./rotation.js')
const { printSummary, printTable } = require('./table.js')

async function main() {
  const server = await startIdentityServer()
  try {
    const requests = await requestRows(server)
    printTable(`Requests to an API, tokens of ${server.logtoUrl}/oidc`, requests)
    const rotation = await rotationRows(server)
    printTable('A key rotation, without a restart', rotation)
    const recorded = await captureRows()
    printTable('Tokens recorded from a real Logto', recorded)

    const rows = [...requests, ...rotation, ...recorded]
    const seconds = (performance.now() / 1000).toFixed(2)
    printSummary(rows, [`key set fetched ${server.jwksRequests()} times`, `${seconds} s`])
    if (rows.every(({ ok }) => ok)) process.exitCode = 0
  } finally {
    await server.close()
  }
}

process.exitCode = 1
main()
