const assert = require('node:assert/strict')
const { mkdtempSync, rmSync, writeFileSync } = require('node:fs')
const { tmpdir } = require('node:os')
const { join } = require('node:path')
const { after, before, test } = require('node:test')
const { createAuthority, createSelfSigned } = require('../support/certificates')
const { inChild } = require('../support/child')
const { startKeyServer } = require('../support/key-server')
const { AUDIENCE, createKey } = require('../support/keys')
const { startProxy } = require('../support/proxy')

/**
 * @typedef {import('../support/key-server').KeyServer} KeyServer
 * @typedef {import('node:test').TestContext} TestContext
 * @typedef {{ userId: string | null, code: string | null, cause: string | null }} Outcome
 */

const KEY = createKey()
const authority = createAuthority()
/** A server that only a proxy finds. */
const NAMED = { tls: authority.issue({ names: ['auth.example.test'] }), host: 'auth.example.test' }
/** A folder with the authority's certificate. @type {string} */
let folder
/** @type {string} */
let certificate

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'logto-authkit-'))
  certificate = join(folder, 'authority.pem')
  writeFileSync(certificate, authority.cert)
})

after(() => rmSync(folder, { recursive: true, force: true }))

test('a server of a private authority is refused', async (t) => {
  const server = await startTlsServer(t)
  await isRefused(server, {}, /UnknownIssuer/)
})

test('a server of the authority in NODE_EXTRA_CA_CERTS is accepted', async (t) => {
  const server = await startTlsServer(t)
  await isAccepted(server, { NODE_EXTRA_CA_CERTS: certificate })
})

test('a server of one of several authorities in NODE_EXTRA_CA_CERTS is accepted', async (t) => {
  const several = join(folder, 'several.pem')
  writeFileSync(several, `Some words.\n${createAuthority().cert}\n# and more\n${authority.cert}`)
  await isAccepted(await startTlsServer(t), { NODE_EXTRA_CA_CERTS: several })
})

test('a server of an authority in the store of the system is accepted', async (t) => {
  await isAccepted(await startTlsServer(t), { SSL_CERT_FILE: certificate })
})

for (const [what, text] of [
  ['does not exist', null],
  ['is empty', ''],
  ['holds no certificate', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'],
  ['holds another authority', createAuthority().cert],
]) {
  test(`a server of a private authority is refused when the file of NODE_EXTRA_CA_CERTS ${what}`, async (t) => {
    const file = join(folder, 'wrong.pem')
    if (text === null) rmSync(file, { force: true })
    else writeFileSync(file, text)
    await isRefused(await startTlsServer(t), { NODE_EXTRA_CA_CERTS: file }, /UnknownIssuer/)
  })
}

const DAY = 86_400_000

/** @type {[string, () => import('../support/certificates').Identity, RegExp][]} */
const UNTRUSTED = [
  ['a self-signed certificate', () => createSelfSigned(), /UnknownIssuer|SelfSigned/i],
  ['an expired certificate', () => authority.issue({ until: new Date(Date.now() - DAY / 2) }), /expired/],
  ['a certificate of the future', () => authority.issue({ from: new Date(Date.now() + DAY / 2) }), /not valid yet/],
  ['a certificate for another host', () => authority.issue({ names: ['other.example.test'] }), /not valid for name/],
  ['a certificate for another address', () => authority.issue({ names: ['127.0.0.2'] }), /not valid for name/],
  ['a certificate without names', () => authority.issue({ names: [] }), /not valid for name|BadDer|BadEncoding/],
]

for (const [what, issue, cause] of UNTRUSTED) {
  test(`${what} is refused, and the operator reads why`, async (t) => {
    await isRefused(await startTlsServer(t, { tls: issue() }), { NODE_EXTRA_CA_CERTS: certificate }, cause)
  })
}

test('a self-signed certificate in NODE_EXTRA_CA_CERTS is accepted, as by Node', async (t) => {
  const tls = createSelfSigned()
  const file = join(folder, 'self-signed.pem')
  writeFileSync(file, tls.cert)
  await isAccepted(await startTlsServer(t, { tls }), { NODE_EXTRA_CA_CERTS: file })
})

for (const version of /** @type {const} */ (['TLSv1.2', 'TLSv1.3'])) {
  test(`a server that speaks ${version} only is accepted`, async (t) => {
    const tls = { ...authority.issue(), minVersion: version, maxVersion: version }
    await isAccepted(await startTlsServer(t, { tls }), { NODE_EXTRA_CA_CERTS: certificate })
  })
}

test('a server is asked by its name', async (t) => {
  const server = await startTlsServer(t, { tls: authority.issue({ names: ['localhost'] }), host: 'localhost' })
  await isAccepted(server, { NODE_EXTRA_CA_CERTS: certificate })
  assert.equal(
    /** @type {import('node:tls').TLSSocket & { servername?: string }} */ (server.requests[0].socket).servername,
    'localhost',
  )
})

test('http where https is meant, and the other way round, is an outage', async (t) => {
  const [plain, tls] = [await startKeyServer(t, { keys: [KEY] }), await startTlsServer(t)]
  const swapped = [
    { ...plain, logtoUrl: plain.logtoUrl.replace('http:', 'https:') },
    { ...tls, logtoUrl: tls.logtoUrl.replace('https:', 'http:') },
  ]
  for (const server of swapped) await isRefused(server, { NODE_EXTRA_CA_CERTS: certificate }, /./)
})

for (const name of ['HTTPS_PROXY', 'https_proxy']) {
  test(`${name} is used, and looks the host up`, async (t) => {
    const server = await startTlsServer(t, NAMED)
    const proxy = await startProxy(t, server)
    await isAccepted(server, { NODE_EXTRA_CA_CERTS: certificate, [name]: proxy.address })
    assert.deepEqual(proxy.targets, [`auth.example.test:${server.port}`])
  })
}

test('the certificate of a server behind a proxy is checked', async (t) => {
  const server = await startTlsServer(t, { ...NAMED, tls: authority.issue() })
  const proxy = await startProxy(t, server)
  await isRefused(server, { NODE_EXTRA_CA_CERTS: certificate, HTTPS_PROXY: proxy.address }, /not valid for name/)
  assert.equal(proxy.targets.length, 1)
})

test('a proxy is told its user name and password', async (t) => {
  const server = await startTlsServer(t, NAMED)
  const proxy = await startProxy(t, server)
  const address = proxy.address.replace('//', '//user:p%40ss@')
  await isAccepted(server, { NODE_EXTRA_CA_CERTS: certificate, HTTPS_PROXY: address })
  assert.deepEqual(proxy.authorizations, [`Basic ${Buffer.from('user:p@ss').toString('base64')}`])
})

for (const [name, list] of [
  ['NO_PROXY', '127.0.0.1'],
  ['no_proxy', 'other.example.test, 127.0.0.0/8'],
  ['NO_PROXY', '*'],
]) {
  test(`${name}=${list} spares an address the proxy`, async (t) => {
    const server = await startTlsServer(t)
    const proxy = await startProxy(t, server)
    await isAccepted(server, { NODE_EXTRA_CA_CERTS: certificate, HTTPS_PROXY: proxy.address, [name]: list })
    assert.deepEqual(proxy.targets, [])
  })
}

for (const list of ['auth.example.test', 'example.test', 'other.test, .example.test', '*']) {
  test(`NO_PROXY=${list} spares a name the proxy`, async (t) => {
    const server = await startTlsServer(t, NAMED)
    const proxy = await startProxy(t, server)
    // The name is known to the proxy only.
    await isRefused(server, { NODE_EXTRA_CA_CERTS: certificate, HTTPS_PROXY: proxy.address, NO_PROXY: list }, /./)
    assert.deepEqual(proxy.targets, [])
  })
}

test('NO_PROXY of other names changes nothing', async (t) => {
  const server = await startTlsServer(t, NAMED)
  const proxy = await startProxy(t, server)
  const NO_PROXY = 'ample.test,example.test.org,x.auth.example.test'
  await isAccepted(server, { NODE_EXTRA_CA_CERTS: certificate, HTTPS_PROXY: proxy.address, NO_PROXY })
  assert.equal(proxy.targets.length, 1)
})

test('the environment is read once: what the application writes there later changes nothing', async (t) => {
  const server = await startTlsServer(t, NAMED)
  const proxy = await startProxy(t, server)
  const { logtoUrl, issuer } = server
  const { code, stderr } = await inChild(
    async ({ token, options }) => {
      const { clearJwksCache, verifyAuth } = require('logto-authkit')
      await verifyAuth(token, options)
      process.env.NO_PROXY = '*'
      clearJwksCache()
      await verifyAuth(token, options)
    },
    { token: KEY.sign(issuer), options: { logtoUrl, audience: AUDIENCE } },
    { NODE_EXTRA_CA_CERTS: certificate, HTTPS_PROXY: proxy.address },
  )
  assert.equal(code, 0, stderr)
  assert.equal(proxy.targets.length, 2)
})

test('HTTP_PROXY is not for https', async (t) => {
  const server = await startTlsServer(t)
  const proxy = await startProxy(t, server)
  await isAccepted(server, { NODE_EXTRA_CA_CERTS: certificate, HTTP_PROXY: proxy.address })
  assert.deepEqual(proxy.targets, [])
})

for (const status of [403, 407, 502]) {
  test(`a proxy that answers ${status} is an outage, and the operator reads so`, async (t) => {
    const server = await startTlsServer(t, NAMED)
    const proxy = await startProxy(t, server, status)
    await isRefused(server, { NODE_EXTRA_CA_CERTS: certificate, HTTPS_PROXY: proxy.address }, /tunnel|proxy/i)
  })
}

test('a proxy that nobody runs is an outage', async (t) => {
  const server = await startTlsServer(t, NAMED)
  const proxy = await startProxy(t, server)
  proxy.close()
  await isRefused(server, { NODE_EXTRA_CA_CERTS: certificate, HTTPS_PROXY: proxy.address }, /refused/i)
})

/**
 * @param {TestContext} t
 * @param {{ tls?: import('node:https').ServerOptions, host?: string }} [options]
 */
function startTlsServer(t, { tls = authority.issue(), host } = {}) {
  return startKeyServer(t, { keys: [KEY], tls, host })
}

/**
 * @param {KeyServer} server
 * @param {Record<string, string>} env
 */
async function isAccepted(server, env) {
  const before = server.requests.length
  assert.deepEqual(await verifyInChild(server, env), { userId: 'alice', code: null, cause: null })
  assert.equal(server.requests.length, before + 1)
}

/**
 * @param {KeyServer} server
 * @param {Record<string, string>} env
 * @param {RegExp} cause
 */
async function isRefused(server, env, cause) {
  const before = server.requests.length
  const outcome = await verifyInChild(server, env)
  assert.equal(outcome.code, 'jwks_unavailable')
  assert.match(String(outcome.cause), cause)
  assert.equal(server.requests.length, before)
}

/**
 * In a process of its own, because the environment is read once.
 *
 * @param {KeyServer} server
 * @param {Record<string, string>} env
 * @returns {Promise<Outcome>}
 */
async function verifyInChild(server, env) {
  const { logtoUrl } = server
  const token = KEY.sign(`${logtoUrl}/oidc`)
  const { code, stdout, stderr } = await inChild(
    async ({ logtoUrl, token, audience }) => {
      const { verifyLogtoToken } = require('logto-authkit')
      const outcome = await verifyLogtoToken(token, { logtoUrl, audience, jwksTimeoutMs: 3000 }).then(
        ({ userId }) => ({ userId, code: null, cause: null }),
        (error) => ({ userId: null, code: error.code ?? String(error), cause: error.cause?.message ?? null }),
      )
      console.log(JSON.stringify(outcome))
    },
    { logtoUrl, token, audience: AUDIENCE },
    env,
  )
  assert.equal(code, 0, stderr)
  return JSON.parse(stdout)
}
