const assert = require('node:assert/strict')
const { execFileSync } = require('node:child_process')
const { X509Certificate } = require('node:crypto')
const { readFileSync, rmSync } = require('node:fs')
const { dirname, join } = require('node:path')
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

/** The reason that the error gives, and Node's code if there is one. @type {[string, () => any, RegExp, string?][]} */
const UNTRUSTED = [
  ['a self-signed certificate', () => createSelfSigned(), /UnknownIssuer|SelfSigned/i],
  ['an expired certificate', () => authority.expired(), /expired/, 'CERT_HAS_EXPIRED'],
  ['a certificate that is not valid yet', () => authority.notYetValid(), /not valid yet/, 'CERT_NOT_YET_VALID'],
  [
    'a certificate for another host',
    () => authority.forAnotherHost(),
    /not valid for the name/,
    'ERR_TLS_CERT_ALTNAME_INVALID',
  ],
  ['a certificate for another IP address', () => authority.issue({ names: ['127.0.0.2'] }), /not valid for the name/],
  ['a certificate without names', () => authority.issue({ names: [] }), /not valid for the name|BadDer|BadEncoding/],
]

for (const [what, issue, cause, code] of UNTRUSTED) {
  test(`A12: rejects ${what} and reports the reason`, async (t) => {
    await assertRejected(await startTlsServer(t, { tls: issue() }), { NODE_EXTRA_CA_CERTS: certificate }, cause, code)
  })
}

/** The folder of the authority's certificate. */
const folder = dirname(certificate)

/** Runs OpenSSL in the folder. */
function openssl(...args) {
  execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' })
}

/** Certificates of OpenSSL that rustls rejects, or that the server presents incompletely, with their trust anchor. */
function opensslIdentity(name, { version1 = false, intermediate = false } = {}) {
  const key = (file) => ['-newkey', 'rsa:2048', '-nodes', '-keyout', `${name}-${file}.key`]
  const issue = (subject, issuer, ...extensions) => {
    openssl('req', ...key(subject), '-subj', `/CN=${subject}`, '-out', `${name}-${subject}.csr`)
    const by = ['-CA', `${name}-${issuer}.pem`, '-CAkey', `${name}-${issuer}.key`, '-CAcreateserial']
    openssl('x509', '-req', '-in', `${name}-${subject}.csr`, ...by, '-out', `${name}-${subject}.pem`, ...extensions)
  }
  openssl('req', '-x509', ...key('root'), '-subj', '/CN=root', '-out', `${name}-root.pem`)
  save('ca.ext', 'basicConstraints=critical,CA:TRUE')
  save('server.ext', 'subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE')
  if (intermediate) issue('intermediate', 'root', '-extfile', 'ca.ext')
  issue('server', intermediate ? 'intermediate' : 'root', ...(version1 ? [] : ['-extfile', 'server.ext']))
  const read = (file) => readFileSync(join(folder, `${name}-${file}`), 'utf8')
  return {
    tls: { key: read('server.key'), cert: read('server.pem') },
    chain: intermediate ? read('intermediate.pem') : '',
    root: join(folder, `${name}-root.pem`),
  }
}

test('A12: names a missing intermediate certificate, and accepts the whole chain', async (t) => {
  const { tls, chain, root } = opensslIdentity('chain', { intermediate: true })
  const env = { NODE_EXTRA_CA_CERTS: root }
  const server = await startTlsServer(t, { tls })
  await assertRejected(server, env, /sent no intermediate certificate.*whole chain/, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE')
  await assertAccepted(await startTlsServer(t, { tls: { ...tls, cert: tls.cert + chain } }), env)
  const other = await startTlsServer(t, { tls: { ...tls, cert: tls.cert + chain + readFileSync(root, 'utf8') } })
  await assertRejected(other, {}, /authority that is not trusted/, 'SELF_SIGNED_CERT_IN_CHAIN')
})

test('A12: names an X.509 version 1 certificate', async (t) => {
  const { tls, root } = opensslIdentity('version1', { version1: true })
  const server = await startTlsServer(t, { tls })
  await assertRejected(server, { NODE_EXTRA_CA_CERTS: root }, /version 1 certificate.*subjectAltName/)
})

test('A12: names a self-signed certificate that is marked as a CA, even if NODE_EXTRA_CA_CERTS lists it', async (t) => {
  const names = ['-subj', '/CN=x', '-addext', 'subjectAltName=IP:127.0.0.1']
  openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'self.key', ...names, '-out', 'self.pem')
  const [key, cert] = ['self.key', 'self.pem'].map((file) => readFileSync(join(folder, file), 'utf8'))
  const server = await startTlsServer(t, { tls: { key, cert } })
  await assertRejected(
    server,
    { NODE_EXTRA_CA_CERTS: join(folder, 'self.pem') },
    /marked as a CA .*CA:FALSE/,
    'INVALID_PURPOSE',
  )
  await assertRejected(server, {}, /marked as a CA/, 'INVALID_PURPOSE')
  const unmarked = await startTlsServer(t, { tls: createSelfSigned() })
  await assertRejected(unmarked, {}, /is self-signed and not trusted/, 'DEPTH_ZERO_SELF_SIGNED_CERT')
})

test('A12: names another trusted certificate with the name of the issuer', async (t) => {
  const tls = createSelfSigned()
  const server = await startTlsServer(t, { tls })
  const other = createSelfSigned().cert
  const cause = /another trusted certificate has the name of the issuer.*NODE_EXTRA_CA_CERTS does not contain/
  await assertRejected(server, { NODE_EXTRA_CA_CERTS: save('other.pem', other) }, cause)
  await assertAccepted(server, { NODE_EXTRA_CA_CERTS: save('both.pem', other + tls.cert) })
})

test('A12: names a server that supports only CBC cipher suites', async (t) => {
  const ciphers = 'ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA:AES128-SHA'
  const tls = { ...authority.issue(), maxVersion: 'TLSv1.2', ciphers }
  const server = await startTlsServer(t, { tls })
  await assertRejected(server, { NODE_EXTRA_CA_CERTS: certificate }, /no TLS cipher suite in common.*CBC/, 'EPROTO')
})

test('A12: says that NODE_TLS_REJECT_UNAUTHORIZED=0 has no effect', async (t) => {
  const env = { NODE_TLS_REJECT_UNAUTHORIZED: '0' }
  await assertRejected(await startTlsServer(t), env, /NODE_TLS_REJECT_UNAUTHORIZED=0 has no effect/)
})

test('A12: accepts NODE_EXTRA_CA_CERTS with a byte order mark', async (t) => {
  const file = save('mark.pem', `\ufeff${authority.cert}`)
  await assertAccepted(await startTlsServer(t), { NODE_EXTRA_CA_CERTS: file })
})

for (const [what, content, cause] of /** @type {[string, () => any, RegExp][]} */ ([
  ['is in DER format', () => new X509Certificate(authority.cert).raw, /is in DER format.*openssl x509/],
  ['is indented', () => authority.cert.replace(/^/gm, '  '), /is indented/],
  ['does not exist', () => null, /(?=.*UnknownIssuer).*does not exist/s],
  ['is empty', () => '', /UnknownIssuer/],
  [
    'contains no valid certificate',
    () => '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n',
    /UnknownIssuer/,
  ],
  ['is encoded in UTF-16', () => Buffer.from(`\ufeff${authority.cert}`, 'utf16le'), /UTF-16/],
  [
    'contains another authority',
    () => createAuthority().cert,
    /(?=.*UnknownIssuer).*does not contain the certificate of this authority/s,
  ],
])) {
  test(`A12: says if the file of NODE_EXTRA_CA_CERTS ${what}`, async (t) => {
    const file = join(folder, 'problem.pem')
    const bytes = content()
    if (bytes === null) rmSync(file, { force: true })
    else save('problem.pem', bytes)
    const server = await startTlsServer(t)
    await assertRejected(server, { NODE_EXTRA_CA_CERTS: file }, cause, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE')
  })
}

test('jwksCa replaces all other trust anchors, and verifiers with another jwksCa share nothing', async (t) => {
  const server = await startTlsServer(t)
  const { logtoUrl, issuer } = server
  const other = createAuthority().cert
  const { code, stdout, stderr } = await inChild(
    async ({ options, token, cas }) => {
      const { createVerifier } = require('logto-authkit')
      for (const jwksCa of cas) {
        const verifier = createVerifier({ ...options, ...(jwksCa && { jwksCa }) })
        const outcome = await verifier.verify(token).then(
          () => 'accepted',
          (error) => error.cause.message,
        )
        console.log(outcome)
      }
    },
    { options: { logtoUrl, audience: AUDIENCE }, token: KEY.sign(issuer), cas: [authority.cert, other, null] },
    { NODE_EXTRA_CA_CERTS: certificate },
  )
  assert.equal(code, 0, stderr)
  const [first, second, third] = stdout.split('\n')
  assert.deepEqual([first, third], ['accepted', 'accepted'])
  assert.match(second, /jwksCa does not contain the certificate of this authority/)
  assert.equal(server.requests.length, 2)
})

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

test('using http for an https server, or the reverse, is an outage whose cause names the other scheme', async (t) => {
  const [plain, tls] = [await startKeyServer(t, { keys: [KEY] }), await startTlsServer(t)]
  const env = { NODE_EXTRA_CA_CERTS: certificate }
  const withTls = { ...plain, logtoUrl: plain.logtoUrl.replace('http:', 'https:') }
  await assertRejected(withTls, env, /does not speak TLS .* should use http /, 'EPROTO')
  const withoutTls = { ...tls, logtoUrl: tls.logtoUrl.replace('https:', 'http:') }
  await assertRejected(withoutTls, env, /If the server expects TLS .* use https in the URL$/, 'ECONNRESET')
})

for (const name of ['HTTPS_PROXY', 'https_proxy']) {
  test(`uses ${name}, and the proxy resolves the hostname`, async (t) => {
    const { server, proxy } = await startBehindProxy(t)
    await assertAccepted(server, { NODE_EXTRA_CA_CERTS: certificate, [name]: proxy.address })
    assert.deepEqual(proxy.targets, [`auth.example.test:${server.port}`])
  })
}

test('checks the certificate of a server behind a proxy', async (t) => {
  const server = await startTlsServer(t, { ...NAMED, tls: authority.issue() })
  const proxy = await startProxy(t, server)
  await assertRejected(
    server,
    { NODE_EXTRA_CA_CERTS: certificate, HTTPS_PROXY: proxy.address },
    /not valid for the name/,
  )
  assert.equal(proxy.targets.length, 1)
})

test('sends the user name and password in the proxy URL', async (t) => {
  const { server, proxy, env } = await startBehindProxy(t)
  const url = proxy.address.replace('//', '//user:p%40ss@')
  await assertAccepted(server, { ...env, HTTPS_PROXY: url })
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

for (const list of [
  'auth.example.test',
  'example.test',
  'other.test, .example.test',
  '*',
  '*.example.test',
  'other.test *.example.test',
  ' AUTH.example.test ',
]) {
  test(`NO_PROXY=${list} bypasses the proxy for a hostname`, async (t) => {
    const { server, proxy, env } = await startBehindProxy(t)
    // Without the proxy, the hostname cannot be resolved.
    await assertRejected(server, { ...env, NO_PROXY: list }, /./)
    assert.deepEqual(proxy.targets, [])
  })
}

test('A11: NO_PROXY=host:port bypasses the proxy for that port only', async (t) => {
  const { server, proxy, env } = await startBehindProxy(t)
  await assertRejected(server, { ...env, NO_PROXY: `auth.example.test:${server.port}` }, /./)
  assert.deepEqual(proxy.targets, [])
  await assertAccepted(server, { ...env, NO_PROXY: 'auth.example.test:1' })
  assert.equal(proxy.targets.length, 1)
})

test('A11: lower case wins, and an empty variable counts as unset', async (t) => {
  const server = await startTlsServer(t, NAMED)
  const [lower, upper] = [await startProxy(t, server), await startProxy(t, server)]
  const env = { NODE_EXTRA_CA_CERTS: certificate, HTTPS_PROXY: upper.address }
  await assertAccepted(server, { ...env, https_proxy: lower.address })
  assert.deepEqual([lower.targets.length, upper.targets.length], [1, 0])
  await assertAccepted(server, { ...env, https_proxy: '', no_proxy: 'other.test', NO_PROXY: '*' })
  assert.deepEqual([lower.targets.length, upper.targets.length], [1, 1])
})

test('NO_PROXY with other hostnames has no effect', async (t) => {
  const { server, proxy, env } = await startBehindProxy(t)
  const NO_PROXY = 'ample.test,example.test.org,x.auth.example.test'
  await assertAccepted(server, { ...env, NO_PROXY })
  assert.equal(proxy.targets.length, 1)
})

test('reads the environment once and ignores later changes by the application', async (t) => {
  const { server, proxy, env } = await startBehindProxy(t)
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
    env,
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
    const { server, env } = await startBehindProxy(t, status)
    await assertRejected(server, env, /tunnel|proxy/i)
  })
}

test('a proxy that refuses connections is an outage', async (t) => {
  const { server, proxy, env } = await startBehindProxy(t)
  proxy.close()
  await assertRejected(server, env, /refused/i)
})

const startTlsServer = (t, serving) => startKeyServer(t, { keys: [KEY], tls: authority.issue(), ...serving })

/** A server that only a proxy can find, and the variables to reach it. */
async function startBehindProxy(t, status = 200) {
  const server = await startTlsServer(t, NAMED)
  const proxy = await startProxy(t, server, status)
  return { server, proxy, env: { NODE_EXTRA_CA_CERTS: certificate, HTTPS_PROXY: proxy.address } }
}

async function assertAccepted(server, env) {
  const before = server.requests.length
  assert.deepEqual(await verifyInChild(server, env), { userId: 'alice', code: null, cause: null })
  assert.equal(server.requests.length, before + 1)
}

async function assertRejected(server, env, cause, causeCode = undefined) {
  const before = server.requests.length
  const outcome = await verifyInChild(server, env)
  assert.equal(outcome.code, 'jwks_unavailable')
  assert.match(String(outcome.cause), cause)
  if (causeCode !== undefined) assert.equal(outcome.causeCode, causeCode)
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
        (error) => {
          const { message = null, code: causeCode } = error.cause ?? {}
          return { userId: null, code: error.code ?? String(error), cause: message, causeCode }
        },
      )
      console.log(JSON.stringify(outcome))
    },
    { logtoUrl, token, audience: AUDIENCE },
    env,
  )
  assert.equal(code, 0, stderr)
  return JSON.parse(stdout)
}
