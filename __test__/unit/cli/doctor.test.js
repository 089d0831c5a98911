const assert = require('node:assert/strict')
const { createServer } = require('node:net')
const { after, describe, test } = require('node:test')
const { createAuthority, createSelfSigned, saveAuthority } = require('../../support/certificates')
const { inChild } = require('../../support/child')
const { cli } = require('../../support/cli')
const { temporaryFolder } = require('../../support/files')
const { startIssuer, startServer } = require('../../support/helpers')
const { AUDIENCE, createKey } = require('../../support/tokens')
const { startKeyServer } = require('../../support/key-server')
const { read } = require('../../support/pages')
const { listen } = require('../../support/servers')

const RUN = require.resolve('../../../js/cli/run')
const capture = JSON.parse(read('__test__/fixtures/capture.json'))

test('a healthy server passes every check', async (t) => {
  const { logtoUrl, issuer } = await startIssuer(t)
  const { code, ok, findings } = await doctor('--url', logtoUrl, '--audience', AUDIENCE)
  assert.deepEqual([code, ok], [0, true])
  assert.deepEqual(
    findings.map(({ check, ok }) => [check, ok]),
    ['URL', 'Proxy', 'Connection', 'Discovery', 'Issuer', 'Key set', 'Algorithms', 'Clock', 'Audience'].map((check) => [
      check,
      true,
    ]),
  )
  assert.equal(finding(findings, 'Issuer').found, issuer)
  assert.match(finding(findings, 'Key set').found, /^1 usable key \([\w-]{43}: EC P-384 ES384\)$/)
})

describe('Logto, as recorded,', () => {
  for (const { id, body } of capture.jwks) {
    test(`with the key set ${id}, passes every check but the issuer, which names the URL to use`, async (t) => {
      const { body: recorded } = capture.discovery.find((entry) => entry.id === id) ?? capture.discovery[0]
      // Logto derives the URLs of its endpoints, but not the issuer, from the Host header.
      const { jwks_uri, ...document } = recorded
      const { logtoUrl } = await startLogto(t, document, body.keys)
      const { findings } = await doctor('--url', logtoUrl, '--issuer', recorded.issuer)
      assert.deepEqual(failures(findings), [])
      assert.match(finding(findings, 'Key set').found, new RegExp(`^${body.keys.length} usable keys?`))
      const wrong = await doctor('--url', logtoUrl)
      assert.deepEqual(failures(wrong.findings), ['Issuer'])
      assert.match(String(finding(wrong.findings, 'Issuer').advice), /logtoUrl: "http:\/\/localhost:3001"/)
    })
  }
})

test('the text output marks every check as passed or failed', async (t) => {
  const issuer = await startIssuer(t)
  const good = await cli(['doctor', '--url', issuer.logtoUrl, '--audience', AUDIENCE])
  assert.equal(good.stdout.match(/^✓/gm)?.length, 9)
  assert.match(good.stdout, /\nNo problems found\.\n$/)
  issuer.setOutage('empty')
  const bad = await cli(['doctor', '--url', issuer.logtoUrl])
  assert.equal(bad.code, 1)
  assert.match(bad.stdout, /^✗ Key set +no usable key among 0\n {14}http/m)
  assert.match(bad.stdout, /\n1 problem\.\n$/)
})

describe('an outage', () => {
  /** @type {[import('logto-authkit/testing').OutageMode, string[], RegExp][]} */
  const OUTAGES = [
    ['down', ['Connection'], /connection was reset/],
    ['hang', ['Connection'], /no response within 300 ms/],
    ['error', ['Discovery'], /responds with 500.*Look at its log/s],
    ['html', ['Discovery'], /returns a web page/],
    ['garbage', ['Discovery'], /not return a discovery document/],
    ['empty', ['Key set'], /no usable key among 0/],
  ]
  for (const [mode, wanted, says] of OUTAGES) {
    test(`${mode} fails only ${wanted}`, async (t) => {
      const issuer = await startIssuer(t)
      issuer.setOutage(mode)
      const { code, findings } = await doctor('--url', issuer.logtoUrl, '--timeout', '300')
      assert.deepEqual([code, failures(findings)], [1, wanted])
      assert.match(JSON.stringify(findings), says)
    })
  }

  test('with a closed port or an unknown hostname fails only Connection', async () => {
    for (const [url, says] of /** @type {[string, RegExp][]} */ ([
      ['http://127.0.0.1:1', /^127\.0\.0\.1:1: connection refused \(ECONNREFUSED\).*Nothing listens on that port/],
      ['https://logto.invalid', /^logto\.invalid: .*(hostname cannot be resolved|DNS server does not respond)/],
    ])) {
      const { code, findings } = await doctor('--url', url)
      assert.deepEqual([code, failures(findings)], [1, ['Connection']])
      const { found, advice } = finding(findings, 'Connection')
      assert.match(`${found} ${advice}`, says)
      for (const { found } of findings.filter(({ check }) => check === 'TLS')) assert.match(found, /^not checked/)
    }
  })
})

test('a wrong issuer fails with the options to use', async (t) => {
  const { logtoUrl, port } = await startLogto(t, { issuer: 'https://auth.example.com/oidc' })
  const { findings } = await doctor('--url', logtoUrl)
  assert.deepEqual(failures(findings), ['Issuer'])
  const { found, advice } = finding(findings, 'Issuer')
  assert.equal(found, `the server's issuer is https://auth.example.com/oidc, accepted: ${logtoUrl}/oidc`)
  assert.match(
    String(advice),
    new RegExp(`logtoUrl: "https://auth\\.example\\.com".*jwksUri: "http://127\\.0\\.0\\.1:${port}/oidc/jwks"`),
  )
  const both = await doctor(
    '--url',
    logtoUrl,
    '--issuer',
    `${logtoUrl}/oidc`,
    '--issuer',
    'https://auth.example.com/oidc',
  )
  assert.deepEqual([both.code, failures(both.findings)], [0, []])
})

test('a jwks_uri that Logto derived from the Host header passes', async (t) => {
  const { logtoUrl } = await startLogto(t, { jwks_uri: 'http://logto:3001/oidc/jwks' })
  const { code, findings } = await doctor('--url', logtoUrl)
  assert.equal(code, 0)
  assert.match(
    finding(findings, 'Discovery').found,
    /jwks_uri, http:\/\/logto:3001\/oidc\/jwks, follows the Host header/,
  )
})

test('a redirect fails and names its target', async (t) => {
  const server = await startServer(t, (_, response) =>
    response.writeHead(301, { Location: 'https://auth.example.com/' }).end(),
  )
  const { findings } = await doctor('--url', server.url)
  assert.deepEqual(failures(findings), ['Discovery'])
  assert.equal(finding(findings, 'Discovery').found, '301 to https://auth.example.com/')
})

test('a key that fits no accepted algorithm fails', async (t) => {
  const [odd, good] = [createKey('RS256', { alg: 'PS512', kid: 'odd' }), createKey('ES384', { kid: 'good' })]
  const { logtoUrl } = await startLogto(t, {}, [odd.jwk, good.jwk])
  const { findings } = await doctor('--url', logtoUrl)
  assert.deepEqual(failures(findings), ['Algorithms'])
  assert.match(finding(findings, 'Algorithms').found, /^odd: RSA PS512 fits none of/)
  const named = await doctor('--url', logtoUrl, '--algorithm', 'PS512', '--algorithm', 'ES384')
  assert.deepEqual(failures(named.findings), [])
})

test('a clock difference fails', async (t) => {
  for (const [offset, says] of /** @type {[number, RegExp | null][]} */ ([
    [-120_000, /^(2 minutes|1 minute 59 seconds) ahead of the server's$/],
    [120_000, /^(2 minutes|1 minute 59 seconds) behind the server's$/],
    [-3000, null],
  ])) {
    const { logtoUrl } = await startLogto(t, {}, undefined, () => new Date(Date.now() + offset).toUTCString())
    const { findings } = await doctor('--url', logtoUrl)
    assert.deepEqual(failures(findings), says === null ? [] : ['Clock'], String(offset))
    if (says) assert.match(finding(findings, 'Clock').found, says)
  }
})

test('an audience that cannot be correct fails', async (t) => {
  const { logtoUrl, issuer } = await startIssuer(t)
  for (const [audience, says] of /** @type {[string, RegExp][]} */ ([
    ['my-app-id', /id of an application/],
    [` ${AUDIENCE}`, /white space/],
    [logtoUrl, /Logto's own URL/],
    [issuer, /Logto's own URL/],
  ])) {
    const { findings } = await doctor('--url', logtoUrl, '--audience', AUDIENCE, '--audience', audience)
    assert.deepEqual(failures(findings), ['Audience'], audience)
    assert.match(String(finding(findings, 'Audience').advice), says)
  }
})

test('the URL of an application that uses this package is not taken for a broken Logto', async (t) => {
  for (const [status, code] of /** @type {[number, string][]} */ ([
    [401, 'missing_token'],
    [403, 'missing_scope'],
    [404, 'token_expired'],
  ])) {
    const { port } = await startServer(t, (_, response) => {
      response.writeHead(status).end(JSON.stringify({ error: 'Authentication required', code, message: '…' }))
    })
    const { findings } = await doctor('--url', `http://127.0.0.1:${port}`)
    assert.deepEqual(failures(findings), ['Discovery'])
    assert.match(String(finding(findings, 'Discovery').advice), /^This is probably your own API, not Logto: /)
  }
  const { port } = await startServer(t, (_, response) => response.writeHead(403).end('{"code":"x","error":"y"}'))
  const { findings } = await doctor('--url', `http://127.0.0.1:${port}`)
  assert.match(String(finding(findings, 'Discovery').advice), /Look at its log/)
})

test('a server that does not speak HTTP is not Logto', async (t) => {
  for (const [reply, says] of /** @type {[string, RegExp][]} */ ([
    ['-ERR unknown command\r\n', /no HTTP on this port.*not Logto/],
    ['', /closed the connection.*not Logto/],
  ])) {
    const server = createServer((socket) => socket.on('error', () => {}).once('data', () => socket.end(reply)))
    const url = await listen(t, server)
    const { findings } = await doctor('--url', url)
    assert.deepEqual(failures(findings), ['Connection'])
    const { found, advice } = finding(findings, 'Connection')
    assert.match(`${found} ${advice}`, says)
  }
})

test('plain http to another machine causes no warning above the findings', async () => {
  const { stdout, stderr } = await inChild(
    (path) => void require(path).run(['doctor', '--url', 'http://logto.invalid', '--timeout', '300'], process),
    RUN,
  )
  assert.match(stdout, /✗ URL/)
  assert.equal(stderr, '')
})

test('plain http to another machine fails', async () => {
  const { findings } = await doctor('--url', 'http://logto.invalid')
  assert.ok(failures(findings).includes('URL'))
})

test("D5: the admin tenant's URL fails with the URL of the other tenant", async (t) => {
  const user = 'https://auth.example.com'
  const server = await startServer(t, ({ url, headers }, response) => {
    const base = `http://${headers.host}/oidc`
    const endpoints = url === '/api/.well-known/endpoints/default' ? { user: `${user}/` } : undefined
    const keys = String(url).endsWith('/jwks') ? { keys: [createKey('ES384').jwk] } : undefined
    response.end(JSON.stringify(endpoints ?? keys ?? { issuer: base, jwks_uri: `${base}/jwks` }))
  })
  const { findings, options } = await doctor('--url', server.url, '--audience', AUDIENCE, '--fix')
  assert.deepEqual(failures(findings), ['URL'])
  assert.equal(finding(findings, 'URL').found, `${server.url} is Logto's admin tenant`)
  assert.match(String(finding(findings, 'URL').advice), /Set logtoUrl: "https:\/\/auth\.example\.com"/)
  assert.deepEqual(options, { logtoUrl: user, audience: AUDIENCE })
})

test('--fix prints the options with all corrections', async (t) => {
  const { logtoUrl, port } = await startLogto(t, { issuer: 'https://auth.example.com/oidc' })
  const args = ['doctor', '--url', logtoUrl, '--audience', ` ${AUDIENCE}`, '--timeout', '4000', '--fix']
  const { code, stdout } = await cli(args)
  assert.equal(code, 1)
  const [, printed] = stdout.split('\nCorrected options\n')
  assert.deepEqual(JSON.parse(printed), {
    logtoUrl: 'https://auth.example.com',
    jwksUri: `http://127.0.0.1:${port}/oidc/jwks`,
    audience: AUDIENCE,
    jwksTimeoutMs: 4000,
  })
  const rest = await cli(['doctor', '--url', logtoUrl, '--audience', 'my-app', '--fix'])
  assert.match(rest.stdout, /\nCorrected options, except for: Audience\n/)
  const redirect = await startServer(t, ({ url }, response) =>
    response.writeHead(308, { Location: `https://auth.example.com${url}` }).end(),
  )
  const { options } = await doctor('--url', redirect.url, '--fix')
  assert.equal(options.logtoUrl, 'https://auth.example.com')
})

test("--options reads the application's options, and flags override them", async (t) => {
  const { logtoUrl } = await startIssuer(t)
  const options = { logtoUrl, audience: 'my-app', requiredScope: 'a' }
  const file = temporaryFolder(t).save('auth.mjs', `export const options = ${JSON.stringify(options)}`)
  assert.deepEqual(failures((await doctor('--options', file)).findings), ['Audience'])
  assert.deepEqual(failures((await doctor('--options', file, '--audience', AUDIENCE)).findings), [])
})

describe('--options', () => {
  const { save } = temporaryFolder({ after })
  const valid = { logtoUrl: 'http://127.0.0.1:1', audience: AUDIENCE }

  /** @type {[string, object, RegExp][]} */
  const INVALID = [
    ['a value of the wrong type', { ...valid, clockTolerance: '5' }, /^Invalid option "clockTolerance": /],
    ['an adapter option that is misspelled', { ...valid, onErorr: 1 }, /^Unknown option "onErorr": .*"onError"/],
    ['an adapter option of the wrong type', { ...valid, publicPaths: '/' }, /^Invalid option "publicPaths": /],
    ['an incomplete mcpAuth', { ...valid, scopesSupported: [] }, /^Invalid option "resource": /],
  ]
  for (const [what, options, message] of INVALID) {
    test(`rejects ${what} with the error of the library`, async () => {
      const { code, findings } = await doctor('--options', save('invalid.json', options))
      assert.equal(code, 1)
      assert.ok(findings.every(({ check }) => check === 'Options'))
      assert.match(findings[0].found, message)
    })
  }

  for (const options of [
    { ...valid, property: 'user' },
    { ...valid, publicPaths: ['/'], signInUrl: '/sign-in' },
    { ...valid, allowedOrigins: ['https://app.example.com'] },
    { logtoUrl: valid.logtoUrl, resource: `${AUDIENCE}/mcp` },
    { requiredScope: 'a' },
  ]) {
    test(`accepts the options ${Object.keys(options).join(', ')}`, async () => {
      const { findings } = await doctor('--options', save('valid.json', options), '--url', valid.logtoUrl)
      assert.equal(finding(findings, 'Options').ok, true)
      if ('resource' in options) assert.match(finding(findings, 'Audience').found, /\/mcp, must match exactly/)
    })
  }

  for (const [name, content, message] of /** @type {[string, string, RegExp][]} */ ([
    ['a.unknown', '', /expected a file that ends with \.json, \.js, \.mjs or \.cjs/],
    ['array.json', '[{}]', /expected the options of one Logto server, not an array/],
    ['number.json', '5', /expected an object/],
  ])) {
    test(`says which files are accepted instead of ${name}`, async () => {
      const { code, stderr } = await cli(['doctor', '--options', save(name, content)])
      assert.equal(code, 2)
      assert.match(stderr, message)
    })
  }

  test('with --fix, prints every option or names it', async (t) => {
    const { logtoUrl, port } = await startLogto(t, { issuer: 'https://auth.example.com/oidc' })
    const options = { logtoUrl, audience: AUDIENCE, requiredScope: 'a', allowGuest: true, tokenSources: ['header'] }
    const module = `export const options = { ...${JSON.stringify(options)}, isRevoked: () => false, issuer: undefined,
      currentDate: new Date(), publicPaths: ['/', /x/], jwks: { keys: [${JSON.stringify(createKey('ES384').jwk)}] } }`
    const file = save('fix.mjs', module)
    const fixed = {
      ...options,
      logtoUrl: 'https://auth.example.com',
      jwksUri: `http://127.0.0.1:${port}/oidc/jwks`,
    }
    const { options: printed, unprintedOptions } = await doctor('--options', file, '--fix')
    assert.deepEqual(printed, fixed)
    assert.deepEqual(unprintedOptions, ['isRevoked', 'currentDate', 'publicPaths', 'jwks'])
    const { stdout } = await cli(['doctor', '--options', file, '--fix'])
    assert.match(
      stdout,
      /\nKeep these options, which cannot be printed: isRevoked, currentDate, publicPaths, jwks\.\n$/,
    )
  })

  test('misspelled options are reported, and checked and printed under their correct names', async (t) => {
    const { logtoUrl } = await startIssuer(t)
    const file = save('misspelled.json', { logtoURL: logtoUrl, audience: AUDIENCE, scopes: 'a', allowguest: true })
    const { ok, findings, options } = await doctor('--options', file, '--fix')
    const messages = findings.filter(({ check }) => check === 'Options').map(({ found }) => found)
    assert.deepEqual(messages.sort(), [
      'Unknown option "allowguest": did you mean "allowGuest"?',
      'Unknown option "logtoURL": did you mean "logtoUrl"?',
      'Unknown option "scopes": did you mean "requiredScope"?',
    ])
    assert.equal(ok, false)
    assert.equal(finding(findings, 'Key set').ok, true)
    assert.match((await cli(['doctor', '--options', file, '--fix'])).stdout, /\nCorrected options\n/)
    assert.deepEqual(options, { logtoUrl, audience: AUDIENCE, requiredScope: 'a', allowGuest: true })
  })

  test('misspelled options are reported even if the URL is not known', async () => {
    const { code, findings } = await doctor('--options', save('no-url.json', { audience: AUDIENCE, scopes: 'a' }))
    assert.equal(code, 1)
    assert.match(findings[0].found, /did you mean "requiredScope"/)
  })

  test('corrected options include those that are not enumerable', async (t) => {
    const { logtoUrl } = await startIssuer(t)
    const options = `{ logtoUrl: ${JSON.stringify(logtoUrl)}, audience: ${JSON.stringify(AUDIENCE)}, 'logto-url': undefined }`
    const module = `module.exports = Object.defineProperty(${options}, 'scopes', { value: 'admin' }); delete module.exports['logto-url']`
    const { options: printed } = await doctor('--options', save('hidden.cjs', module), '--fix')
    assert.equal(printed.requiredScope, 'admin')
  })

  test('other rejected options are not corrected, and the output says so', async () => {
    for (const options of [
      { ...valid, clockTolerance: -1 },
      { ...valid, foo: 1 },
      { ...valid, scopes: 'a', requiredScope: 'b' },
    ]) {
      const { stdout } = await cli(['doctor', '--options', save('rejected.json', options), '--fix'], { columns: 200 })
      assert.match(stdout.replace(/\s+/g, ' '), /so the server was not checked, and no option was corrected\. Correct /)
    }
  })

  test('with --fix, options that need no correction are not printed', async (t) => {
    const { logtoUrl } = await startIssuer(t)
    const args = ['doctor', '--options', save('right.json', { logtoUrl, audience: AUDIENCE }), '--fix']
    const { stdout } = await cli(args)
    assert.match(stdout, /\n\nNo problems found\. The options need no correction\.\n$/)
  })

  test('--fix adds no audience to the options of mcpAuth', async (t) => {
    const { logtoUrl } = await startIssuer(t)
    const options = { logtoUrl, resource: `${AUDIENCE}/mcp` }
    const { options: printed } = await doctor('--options', save('mcp.json', options), '--fix')
    assert.deepEqual([printed.resource, 'audience' in printed], [options.resource, false])
  })
})

test('the output fits into 60 columns without breaking words', async (t) => {
  const { logtoUrl } = await startIssuer(t)
  const { stdout } = await cli(['doctor', '--url', logtoUrl, '--audience', 'my-app-id'], { columns: 60 })
  for (const line of stdout.split('\n')) {
    assert.ok(line.length <= 60 || !line.trimStart().includes(' ', 1) || /^. \S+ +\S+$/.test(line), line)
  }
  assert.match(stdout, /^✗ Audience +my-app-id\n {14}An API identifier in Logto is an absolute URI\n {14}such as/m)
})

describe('over TLS', () => {
  const { authority, certificate } = saveAuthority({ after })

  test('a certificate of a trusted CA passes', async (t) => {
    const findings = await doctorInChild(t, authority.issue(), { NODE_EXTRA_CA_CERTS: certificate })
    const { ok, found } = finding(findings, 'TLS')
    assert.equal(ok, true)
    assert.match(found, /valid until \d{4}-.*NODE_EXTRA_CA_CERTS is /)
    assert.equal(finding(findings, 'Key set').ok, true)
  })

  /** @type {[string, () => any, boolean, RegExp][]} */
  const BAD = [
    ['of a private CA', () => authority.issue(), false, /NODE_EXTRA_CA_CERTS=/],
    ['of another CA than the given one', () => createAuthority().issue(), true, /does not contain this CA/],
    ['that is self-signed', () => createSelfSigned(), false, /NODE_EXTRA_CA_CERTS=/],
    ['that has expired', () => authority.expired(), true, /expired.*Renew/],
    ['that is not valid yet', () => authority.notYetValid(), true, /not valid yet/],
    ['for another hostname', () => authority.forAnotherHost(), true, /other hostnames/],
  ]
  for (const [what, tls, isGiven, says] of BAD) {
    test(`a certificate ${what} fails with advice`, async (t) => {
      const findings = await doctorInChild(t, tls(), isGiven ? { NODE_EXTRA_CA_CERTS: certificate } : {})
      // The key server has no discovery document.
      assert.deepEqual(failures(findings), ['TLS', 'Discovery'])
      assert.match(String(finding(findings, 'TLS').advice), says)
      assert.equal(finding(findings, 'Key set').found, 'not checked, see TLS')
    })
  }

  test('https to a plain http server fails', async (t) => {
    const { logtoUrl } = await startIssuer(t)
    const { findings } = await doctor('--url', logtoUrl.replace('http:', 'https:'))
    assert.match(
      `${finding(findings, 'Connection').found} ${finding(findings, 'Connection').advice}`,
      /no TLS on this port \(EPROTO\).*URL should use http/,
    )
  })
})

test('a proxy from the environment is named and used', async (t) => {
  const { port } = await startServer(t, (_, response) => response.writeHead(502).end())
  const { stdout } = await inChild(
    (path) => void require(path).run(['doctor', '--url', 'http://logto.invalid', '--json'], process),
    RUN,
    { HTTP_PROXY: `http://user:secret@127.0.0.1:${port}` },
  )
  const { findings } = JSON.parse(stdout)
  assert.equal(finding(findings, 'Proxy').found, `http://127.0.0.1:${port} (HTTP_PROXY)`)
  assert.match(finding(findings, 'Discovery').found, /responds with 502/)
  assert.equal(finding(findings, 'Key set').found, 'not checked, see Discovery')
  assert.doesNotMatch(stdout, /secret/)
})

/** Runs in a new process, because the environment is read once. */
async function doctorInChild(t, tls, env) {
  const { logtoUrl } = await startKeyServer(t, { tls })
  const { stdout, stderr } = await inChild(
    ({ path, logtoUrl }) => void require(path).run(['doctor', '--url', logtoUrl, '--json'], process),
    { path: RUN, logtoUrl },
    env,
  )
  assert.equal(stderr, '')
  return JSON.parse(stdout).findings
}

/** A server with a discovery document and a key set. */
async function startLogto(t, document, keys = [createKey('ES384').jwk], date) {
  const server = await startServer(t, ({ url, headers }, response) => {
    const base = `http://${headers.host}/oidc`
    const discovery = { issuer: base, jwks_uri: `${base}/jwks`, ...document }
    if (date) response.setHeader('Date', date())
    response.setHeader('Content-Type', 'application/json')
    response.end(JSON.stringify(String(url).endsWith('/jwks') ? { keys } : discovery))
  })
  return { logtoUrl: server.url, port: server.port }
}

async function doctor(...args) {
  const { code, stdout, stderr } = await cli(['doctor', '--json', ...args])
  assert.equal(stderr, '')
  return { code, ...JSON.parse(stdout) }
}

const failures = (findings) => findings.filter(({ ok }) => ok === false).map(({ check }) => check)

function finding(findings, check) {
  const found = findings.find((finding) => finding.check === check)
  assert.ok(found, check)
  return found
}
