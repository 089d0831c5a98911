/** Outages by certificates, and behind a proxy. The environment of this process is set before the first key is fetched. */

const { mkdtempSync, rmSync, writeFileSync } = require('node:fs')
const { tmpdir } = require('node:os')
const { join } = require('node:path')
const { createAuthority, createSelfSigned } = require('../support/certificates')
const { startKeyServer } = require('../support/key-server')
const { createKey } = require('../support/keys')
const { startProxy } = require('../support/proxy')
const { outage } = require('./outages')

const DAY = 86_400_000
const AMBIENT = /^((https?|all|no)_proxy|node_extra_ca_certs|ssl_cert_(file|dir))$/i

const authority = createAuthority()
/** Known to the proxy only. */
const HOST = 'auth.example.test'
const identity = authority.issue({ names: ['127.0.0.1', HOST] })

/**
 * A private authority, and a proxy to a server that only it finds.
 *
 * @param {{ after(close: () => unknown): void }} t
 */
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
const WRONG = [
  ['an expired certificate', authority.issue({ until: new Date(Date.now() - DAY / 2) })],
  ['a self-signed certificate', createSelfSigned()],
  ['a certificate of a private authority that nobody knows', createAuthority().issue()],
  ['a certificate of another host', authority.issue({ names: ['other.example.test'] })],
]

/** @type {import('./run').Scenario} */
async function certificates({ t, report, named, proxy }) {
  const server = await startKeyServer(t, { keys: [createKey()], tls: identity })
  const shows = (
    /** @type {KeyServer} */ { server },
    /** @type {import('../support/certificates').Identity} */ shown,
  ) => /** @type {import('node:tls').Server} */ (server).setSecureContext(shown)
  for (const [name, wrong] of WRONG) {
    const [begin, end] = [() => shows(server, wrong), () => shows(server, identity)]
    await outage(server, server.key, report, { name, begin, end })
  }
  const status = (/** @type {number | null} */ status) => () => {
    proxy.status = status
  }
  for (const [name, begin] of /** @type {[string, () => void][]} */ ([
    ['the proxy answers 502', status(502)],
    ['the proxy hangs', status(null)],
    ['behind the proxy, an expired certificate', () => shows(named, WRONG[0][1])],
  ])) {
    const end = () => {
      status(200)()
      shows(named, identity)
    }
    await outage(named, named.key, report, { name, begin, end })
  }
  report.must(proxy.targets.length > 0, 'nobody has asked the proxy')
}

/** @typedef {import('../support/key-server').KeyServer} KeyServer */

module.exports = { certificates, setEnvironment }
