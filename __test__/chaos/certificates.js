/** Outages caused by certificates and a proxy. The environment must be set before the process fetches its first key. */

const { createAuthority, createSelfSigned, saveAuthority } = require('../support/certificates')
const { startKeyServer } = require('../support/key-server')
const { createKey } = require('../support/tokens')
const { startProxy } = require('../support/proxy')
const { outage } = require('./outages')

const AMBIENT_VARIABLE_PATTERN = /^((https?|all|no)_proxy|node_extra_ca_certs|ssl_cert_(file|dir))$/i

/** A hostname that only the proxy can resolve. */
const HOST = 'auth.example.test'

/** Sets up a private certificate authority, and a proxy to a server that only the proxy can reach. */
async function setEnvironment(t) {
  for (const name of Object.keys(process.env)) if (AMBIENT_VARIABLE_PATTERN.test(name)) delete process.env[name]
  const { authority, certificate } = saveAuthority(t)
  process.env.NODE_EXTRA_CA_CERTS = certificate
  const identity = authority.issue({ names: ['127.0.0.1', HOST] })
  const named = await startKeyServer(t, { keys: [createKey()], tls: identity, host: HOST })
  const proxy = await startProxy(t, named)
  process.env.HTTPS_PROXY = proxy.address
  return { authority, identity, named, proxy }
}

async function certificates({ t, report, authority, identity, named, proxy }) {
  /** @type {[string, import('../support/certificates').Identity][]} */
  const untrusted = [
    ['an expired certificate', authority.expired()],
    ['a self-signed certificate', createSelfSigned()],
    ['a certificate of an unknown authority', createAuthority().issue()],
    ['a certificate for another host', authority.forAnotherHost()],
  ]
  const server = await startKeyServer(t, { keys: [createKey()], tls: identity })
  const present = ({ server }, identity) => server.setSecureContext(identity)
  for (const [name, presented] of untrusted) {
    const [begin, end] = [() => present(server, presented), () => present(server, identity)]
    await outage(server, server.key, report, { name, begin, end })
  }
  const status = (status) => () => {
    proxy.status = status
  }
  for (const [name, begin] of /** @type {[string, () => void][]} */ ([
    ['the proxy responds with 502', status(502)],
    ['the proxy hangs', status(null)],
    ['an expired certificate behind the proxy', () => present(named, untrusted[0][1])],
  ])) {
    const end = () => {
      status(200)()
      present(named, identity)
    }
    await outage(named, named.key, report, { name, begin, end })
  }
  report.must(proxy.targets.length > 0, 'the proxy received no request')
}

module.exports = { certificates, setEnvironment }
