/** Outages caused by certificates and by a proxy. The environment must be set before this process fetches its first key. */

const { mkdtempSync, rmSync, writeFileSync } = require('node:fs')
const { tmpdir } = require('node:os')
const { join } = require('node:path')
const { createAuthority, createSelfSigned } = require('../support/certificates')
const { startKeyServer } = require('../support/key-server')
const { createKey } = require('../support/tokens')
const { startProxy } = require('../support/proxy')
const { outage } = require('./outages')

const DAY = 86_400_000
const AMBIENT = /^((https?|all|no)_proxy|node_extra_ca_certs|ssl_cert_(file|dir))$/i

const authority = createAuthority()
/** A hostname that only the proxy can resolve. */
const HOST = 'auth.example.test'
const identity = authority.issue({ names: ['127.0.0.1', HOST] })

/** Sets up a private certificate authority, and a proxy to a server that only the proxy can reach. */
async function setEnvironment(t) {
  for (const name of Object.keys(process.env)) if (AMBIENT.test(name)) delete process.env[name]
  const folder = mkdtempSync(join(tmpdir(), 'logto-authkit-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  process.env.NODE_EXTRA_CA_CERTS = join(folder, 'authority.pem')
  writeFileSync(process.env.NODE_EXTRA_CA_CERTS, authority.cert)
  const named = await startKeyServer(t, { keys: [createKey()], tls: identity, host: HOST })
  const proxy = await startProxy(t, named)
  process.env.HTTPS_PROXY = proxy.address
  return { named, proxy }
}

/** @type {[string, import('../support/certificates').Identity][]} */
const UNTRUSTED = [
  ['an expired certificate', authority.issue({ until: new Date(Date.now() - DAY / 2) })],
  ['a self-signed certificate', createSelfSigned()],
  ['a certificate of an unknown authority', createAuthority().issue()],
  ['a certificate for another host', authority.issue({ names: ['other.example.test'] })],
]

async function certificates({ t, report, named, proxy }) {
  const server = await startKeyServer(t, { keys: [createKey()], tls: identity })
  const present = (
    /** @type {KeyServer} */ { server },
    /** @type {import('../support/certificates').Identity} */ identity,
  ) => /** @type {import('node:tls').Server} */ (server).setSecureContext(identity)
  for (const [name, untrusted] of UNTRUSTED) {
    const [begin, end] = [() => present(server, untrusted), () => present(server, identity)]
    await outage(server, server.key, report, { name, begin, end })
  }
  const status = (status) => () => {
    proxy.status = status
  }
  for (const [name, begin] of /** @type {[string, () => void][]} */ ([
    ['the proxy responds with 502', status(502)],
    ['the proxy hangs', status(null)],
    ['an expired certificate behind the proxy', () => present(named, UNTRUSTED[0][1])],
  ])) {
    const end = () => {
      status(200)()
      present(named, identity)
    }
    await outage(named, named.key, report, { name, begin, end })
  }
  report.must(proxy.targets.length > 0, 'the proxy received no request')
}

/** @typedef {import('../support/key-server').KeyServer} KeyServer */

module.exports = { certificates, setEnvironment }
