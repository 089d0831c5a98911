const assert = require('node:assert/strict')
const { rmSync } = require('node:fs')
const { after, test } = require('node:test')
const { createAuthority, createSelfSigned, saveAuthority } = require('../support/certificates')
const { inChild } = require('../support/child')
const { startKeyServer } = require('../support/key-server')
const { AUDIENCE, createKey } = require('../support/tokens')
const { startProxy } = require('../support/proxy')

const KEY = createKey()
const { authority, certificate, save } = saveAuthority({ after })
/** A server whose hostname only the proxy can resolve. */
const NAMED = { tls: authority.issue({ names: ['auth.example.test'] }), host: 'auth.example.test' }

test('rejects a server with a certificate of a private authority', async (t) => {
  const server = await startTlsServer(t)
  await assertRejected(server, {}, /UnknownIssuer/)
})

test('accepts a server with a certificate of the authority in NODE_EXTRA_CA_CERTS', async (t) => {
  const server = await startTlsServer(t)
  await assertAccepted(server, { NODE_EXTRA_CA_CERTS: certificate })
})

test('accepts a server with a certificate of one of several authorities in NODE_EXTRA_CA_CERTS', async (t) => {
  const several = save('several.pem', `Some words.\n${createAuthority().cert}\n# and more\n${authority.cert}`)
  await assertAccepted(await startTlsServer(t), { NODE_EXTRA_CA_CERTS: several })
})

test('accepts a server with a certificate of an authority in the system trust store', async (t) => {
  await assertAccepted(await startTlsServer(t), { SSL_CERT_FILE: certificate })
})

for (const [what, text] of [
  ['does not exist', null],
  ['is empty', ''],
  ['contains no valid certificate', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'],
  ['contains another authority', createAuthority().cert],
]) {
  test(`rejects a private authority if the file of NODE_EXTRA_CA_CERTS ${what}`, async (t) => {
    const file = save('wrong.pem', text ?? '')
    if (text === null) rmSync(file)
    await assertRejected(await startTlsServer(t), { NODE_EXTRA_CA_CERTS: file }, /UnknownIssuer/)
  })
}

/** @type {[string, () => import('../support/certificates').Identity, RegExp][]} */
const UNTRUSTED = [
  ['a self-signed certificate', () => createSelfSigned(), /UnknownIssuer|SelfSigned/i],
  ['an expired certificate', () => authority.expired(), /expired/],
  ['a certificate that is not valid yet', () => authority.notYetValid(), /not valid yet/],
  ['a certificate for another host', () => authority.forAnotherHost(), /not valid for name/],
  ['a certificate for another IP address', () => authority.issue({ names: ['127.0.0.2'] }), /not valid for name/],
  ['a certificate without names', () => authority.issue({ names: [] }), /not valid for name|BadDer|BadEncoding/],
]

for (const [what, issue, cause] of UNTRUSTED) {
  test(`rejects ${what} and reports the reason`, async (t) => {
    await assertRejected(await startTlsServer(t, { tls: issue() }), { NODE_EXTRA_CA_CERTS: certificate }, cause)
  })
}

test('accepts a self-signed certificate in NODE_EXTRA_CA_CERTS, like Node', async (t) => {
  const tls = createSelfSigned()
  const file = save('self-signed.pem', tls.cert)
  await assertAccepted(await startTlsServer(t, { tls }), { NODE_EXTRA_CA_CERTS: file })
})

for (const version of /** @type {const} */ (['TLSv1.2', 'TLSv1.3'])) {
  test(`accepts a server that supports only ${version}`, async (t) => {
    const tls = { ...authority.issue(), minVersion: version, maxVersion: version }
    await assertAccepted(await startTlsServer(t, { tls }), { NODE_EXTRA_CA_CERTS: certificate })
  })
}

test('sends the server name (SNI)', async (t) => {
  const server = await startTlsServer(t, { tls: authority.issue({ names: ['localhost'] }), host: 'localhost' })
  await assertAccepted(server, { NODE_EXTRA_CA_CERTS: certificate })
  assert.equal(
    /** @type {import('node:tls').TLSSocket & { servername?: string }} */ (server.requests[0].socket).servername,
    'localhost',
  )
})

test('using http for an https server, or the reverse, is an outage', async (t) => {
  const [plain, tls] = [await startKeyServer(t, { keys: [KEY] }), await startTlsServer(t)]
  const swapped = [
    { ...plain, logtoUrl: plain.logtoUrl.replace('http:', 'https:') },
    { ...tls, logtoUrl: tls.logtoUrl.replace('https:', 'http:') },
  ]
  for (const server of swapped) await assertRejected(server, { NODE_EXTRA_CA_CERTS: certificate }, /./)
})

for (const name of ['HTTPS_PROXY', 'https_proxy']) {
  test(`uses ${name}, and the proxy resolves the hostname`, async (t) => {
    const server = await startTlsServer(t, NAMED)
    const proxy = await startProxy(t, server)
    await assertAccepted(server, { NODE_EXTRA_CA_CERTS: certificate, [name]: proxy.address })
    assert.deepEqual(proxy.targets, [`auth.example.test:${server.port}`])
  })
}

test('checks the certificate of a server behind a proxy', async (t) => {
  const server = await startTlsServer(t, { ...NAMED, tls: authority.issue() })
  const proxy = await startProxy(t, server)
  await assertRejected(server, { NODE_EXTRA_CA_CERTS: certificate, HTTPS_PROXY: proxy.address }, /not valid for name/)
  assert.equal(proxy.targets.length, 1)
})

test('sends the user name and password in the proxy URL', async (t) => {
  const server = await startTlsServer(t, NAMED)
  const proxy = await startProxy(t, server)
  const url = proxy.address.replace('//', '//user:p%40ss@')
  await assertAccepted(server, { NODE_EXTRA_CA_CERTS: certificate, HTTPS_PROXY: url })
  assert.deepEqual(proxy.authorizations, [`Basic ${Buffer.from('user:p@ss').toString('base64')}`])
})

for (const [name, list] of [
  ['NO_PROXY', '127.0.0.1'],
  ['no_proxy', 'other.example.test, 127.0.0.0/8'],
  ['NO_PROXY', '*'],
]) {
  test(`${name}=${list} bypasses the proxy for an IP address`, async (t) => {
    const server = await startTlsServer(t)
    const proxy = await startProxy(t, server)
    await assertAccepted(server, { NODE_EXTRA_CA_CERTS: certificate, HTTPS_PROXY: proxy.address, [name]: list })
    assert.deepEqual(proxy.targets, [])
  })
}

for (const list of ['auth.example.test', 'example.test', 'other.test, .example.test', '*']) {
  test(`NO_PROXY=${list} bypasses the proxy for a hostname`, async (t) => {
    const server = await startTlsServer(t, NAMED)
    const proxy = await startProxy(t, server)
    // Without the proxy, the hostname cannot be resolved.
    await assertRejected(server, { NODE_EXTRA_CA_CERTS: certificate, HTTPS_PROXY: proxy.address, NO_PROXY: list }, /./)
    assert.deepEqual(proxy.targets, [])
  })
}

test('NO_PROXY with other hostnames has no effect', async (t) => {
  const server = await startTlsServer(t, NAMED)
  const proxy = await startProxy(t, server)
  const NO_PROXY = 'ample.test,example.test.org,x.auth.example.test'
  await assertAccepted(server, { NODE_EXTRA_CA_CERTS: certificate, HTTPS_PROXY: proxy.address, NO_PROXY })
  assert.equal(proxy.targets.length, 1)
})

test('reads the environment once and ignores later changes by the application', async (t) => {
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

test('does not use HTTP_PROXY for https', async (t) => {
  const server = await startTlsServer(t)
  const proxy = await startProxy(t, server)
  await assertAccepted(server, { NODE_EXTRA_CA_CERTS: certificate, HTTP_PROXY: proxy.address })
  assert.deepEqual(proxy.targets, [])
})

for (const status of [403, 407, 502]) {
  test(`a proxy that responds with ${status} is an outage, and the reason mentions the proxy`, async (t) => {
    const server = await startTlsServer(t, NAMED)
    const proxy = await startProxy(t, server, status)
    await assertRejected(server, { NODE_EXTRA_CA_CERTS: certificate, HTTPS_PROXY: proxy.address }, /tunnel|proxy/i)
  })
}

test('a proxy that refuses connections is an outage', async (t) => {
  const server = await startTlsServer(t, NAMED)
  const proxy = await startProxy(t, server)
  proxy.close()
  await assertRejected(server, { NODE_EXTRA_CA_CERTS: certificate, HTTPS_PROXY: proxy.address }, /refused/i)
})

const startTlsServer = (t, serving) => startKeyServer(t, { keys: [KEY], tls: authority.issue(), ...serving })

async function assertAccepted(server, env) {
  const before = server.requests.length
  assert.deepEqual(await verifyInChild(server, env), { userId: 'alice', code: null, cause: null })
  assert.equal(server.requests.length, before + 1)
}

async function assertRejected(server, env, cause) {
  const before = server.requests.length
  const outcome = await verifyInChild(server, env)
  assert.equal(outcome.code, 'jwks_unavailable')
  assert.match(String(outcome.cause), cause)
  assert.equal(server.requests.length, before)
}

/** Runs in a child process, because the environment is read once. */
async function verifyInChild(server, env) {
  const { logtoUrl } = server
  const token = KEY.sign(`${logtoUrl}/oidc`)
  const { code, stdout, stderr } = await inChild(
    async ({ logtoUrl, token, audience }) => {
      const { verifyLogtoToken } = require('logto-authkit')
      const outcome = await verifyLogtoToken(token, { logtoUrl, audience, jwksTimeoutMs: 30_000 }).then(
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
