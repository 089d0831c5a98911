// `npm run demo` shows the results of `verifyAuth`, first for tokens from a live OpenID Connect server, then for tokens
// recorded from a real Logto server. The exit code is 0 only if every row matches its expectation.

const { captureRows } = require('./capture.js')
const { startIdentityServer } = require('./identity-server.js')
const { requestRows } = require('./requests.js')
const { rotationRows } = require('./rotation.js')
const { printSummary, printTable } = require('./table.js')

async function main() {
  const server = await startIdentityServer()
  try {
    const requests = await requestRows(server)
    printTable(`Requests to an API, with tokens from ${server.logtoUrl}/oidc`, requests)
    const rotation = await rotationRows(server)
    printTable('Key rotation without a restart', rotation)
    const recorded = await captureRows()
    printTable('Tokens recorded from a real Logto server', recorded)

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
