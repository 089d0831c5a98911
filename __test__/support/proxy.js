/** An HTTP proxy whose tunnels (RFC 9110 section 9.3.6) all lead to one server. */

const { once } = require('node:events')
const http = require('node:http')
const { connect } = require('node:net')

/**
 * Starts a proxy that closes with its test. `status` is the status of responses to CONNECT. With `null`, the proxy
 * never responds.
 */
async function startProxy(t, server, status = 200) {
  const targets = []
  const authorizations = []
  const proxy = http.createServer()
  const close = () => {
    proxy.close()
    proxy.closeAllConnections()
  }
  const state = { address: '', targets, authorizations, status, close }
  proxy.on('connect', (request, socket) => {
    targets.push(request.url)
    authorizations.push(request.headers['proxy-authorization'])
    if (state.status === null) return
    if (state.status !== 200) return socket.end(`HTTP/1.1 ${state.status} No\r\n\r\n`)
    const onward = connect(server.port, '127.0.0.1', () => socket.write('HTTP/1.1 200 OK\r\n\r\n'))
    socket.on('error', () => onward.destroy()).pipe(onward)
    onward.on('error', () => socket.destroy()).pipe(socket)
  })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  proxy.unref()
  t.after(state.close)
  const { port } = /** @type {import('node:net').AddressInfo} */ (proxy.address())
  state.address = `http://127.0.0.1:${port}`
  return state
}

module.exports = { startProxy }
