/** Listens on ports of this machine, for tests that create their own server. */

const { once } = require('node:events')
const { createServer } = require('node:net')

const portOf = (server) => /** @type {import('node:net').AddressInfo} */ (server.address()).port

/**
 * Listens on 127.0.0.1 until the test ends, and returns the URL.
 *
 * @param {any} t
 * @param {any} server - A server for HTTP, HTTP/2 or another protocol.
 */
async function listen(t, server) {
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.after(() => {
    server.close()
    server.closeAllConnections?.()
  })
  return `http://127.0.0.1:${portOf(server)}`
}

/** A port that is free now. */
async function freePort(host = '127.0.0.1') {
  const server = createServer().listen(0, host)
  await once(server, 'listening')
  const port = portOf(server)
  server.close()
  await once(server, 'close')
  return port
}

/** Returns a free port whose successor is free, too. */
async function twoFreePorts() {
  for (;;) {
    const servers = [createServer().listen(0, '127.0.0.1')]
    await once(servers[0], 'listening')
    const port = portOf(servers[0])
    servers.push(createServer().listen(port + 1, '127.0.0.1'))
    const isFree = await once(servers[1], 'listening').then(
      () => true,
      () => false,
    )
    for (const server of servers) server.close()
    if (isFree) return port
  }
}

module.exports = { freePort, listen, twoFreePorts }
