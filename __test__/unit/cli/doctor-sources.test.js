const assert = require('node:assert/strict')
const { once } = require('node:events')
const { describe, test } = require('node:test')
const express = require('express')
const { logtoAuth } = require('logto-authkit/express')
const { cli } = require('../../support/cli')
const { AUDIENCE, startIssuer, startServer } = require('../../support/helpers')
const { startRevocations } = require('../../support/webhooks')

const KEY = 'the-signing-key'

describe('doctor --webhook', () => {
  test('sends a signed and a forged test event, neither of which revokes anything', async (t) => {
    const { store, revocations } = startRevocations(t)
    const seen = []
    const { url } = await startServer(t, revocations.webhook({ signingKey: KEY, onEvent: (event) => seen.push(event) }))
    const { code, findings, stdout } = await doctor(['--webhook', url])
    assert.deepEqual([code, verdicts(findings)], [0, { Webhook: true, Forgery: true }])
    assert.match(found(findings, 'Webhook'), /^a signed test event gets 200 in \d+ ms$/)
    assert.equal(found(findings, 'Forgery'), 'an event with a wrong signature gets 401')
    assert.deepEqual([store.entries, seen], [[], []])
    assert.doesNotMatch(stdout, /the-signing-key/)
  })

  /** The mistake in an application, and what `doctor` says. @type {[string, (app: any, hook: any, issuer: any) => void, RegExp][]} */
  const FAULTS = [
    [
      'express.json() before the webhook',
      (app, hook) => app.use(express.json()).post('/hook', hook),
      /500, body_already_read.*mount the webhook before express\.json\(\)/,
    ],
    [
      'logtoAuth() before the webhook',
      (app, hook, { logtoUrl }) => app.use(logtoAuth({ logtoUrl, audience: AUDIENCE })).post('/hook', hook),
      /401.*Register the webhook before logtoAuth\(\)/,
    ],
    ['no route', () => {}, /404.*Mount the webhook at this URL, for POST/],
    ['a route for GET', (app, hook) => app.get('/hook', hook), /404.*for POST/],
    [
      'a redirect',
      (app) => app.post('/hook', (_req, res) => res.redirect('/hook/')),
      /302 to \/hook\/.*follows it with GET/,
    ],
    [
      'CSRF protection',
      (app) => app.post('/hook', (_req, res) => res.sendStatus(403)),
      /403.*Exempt the webhook from CSRF/,
    ],
    ['a fault', (app) => app.post('/hook', (_req, res) => res.sendStatus(502)), /502.*log of the application/],
  ]
  for (const [name, configure, says] of FAULTS) {
    test(`names the cause: ${name}`, async (t) => {
      const { revocations } = startRevocations(t)
      const app = express()
      configure(app, revocations.webhook({ signingKey: KEY }), await startIssuer(t))
      const { url } = await startServer(t, app)
      const { code, findings } = await doctor(['--webhook', `${url}/hook`])
      assert.deepEqual([code, verdicts(findings)], [1, { Webhook: false, Forgery: null }])
      assert.match(report(findings, 'Webhook'), says)
    })
  }

  test('names the cause: another signing key', async (t) => {
    const { revocations } = startRevocations(t)
    const { url } = await startServer(t, revocations.webhook({ signingKey: 'another' }))
    const { code, findings } = await doctor(['--webhook', url])
    assert.deepEqual([code, verdicts(findings)], [1, { Webhook: false, Forgery: null }])
    assert.match(
      report(findings, 'Webhook'),
      /signature .* gets 401.*LOGTO_WEBHOOK_KEY differs from the option signingKey/,
    )
  })

  test('fails if an event with a wrong signature is accepted', async (t) => {
    const { url } = await startServer(t, (_, res) => res.end())
    const { code, findings } = await doctor(['--webhook', url])
    assert.deepEqual([code, verdicts(findings)], [1, { Webhook: true, Forgery: false }])
    assert.match(report(findings, 'Forgery'), /gets 200 Anyone can send events/)
  })

  test('says why there is no response', async (t) => {
    const { url } = await startServer(t, () => {})
    const silent = await doctor(['--webhook', url, '--timeout', '200'])
    assert.match(report(silent.findings, 'Webhook'), /^no response within 200 ms/)
    const closed = await doctor(['--webhook', 'http://127.0.0.1:2/hook'])
    assert.match(report(closed.findings, 'Webhook'), /^127\.0\.0\.1:2: connection refused \(ECONNREFUSED\)/)
  })

  test('reads the key only from the environment', async () => {
    const { code, stderr } = await cli(['doctor', '--webhook', 'http://localhost'])
    assert.equal(code, 2)
    assert.match(
      stderr,
      /^--webhook needs the signing key of the webhook in the environment variable LOGTO_WEBHOOK_KEY, or in .* or \.env: export LOGTO_WEBHOOK_KEY=<key>\n/,
    )
    const url = await cli(['doctor', '--webhook', 'http://user:secret@localhost'], { env: { LOGTO_WEBHOOK_KEY: KEY } })
    assert.deepEqual(
      [url.code, url.stderr.split('\n')[0]],
      [2, '--webhook takes a URL that starts with http:// or https:// without a user name'],
    )
  })
})

describe('doctor --backchannel', () => {
  test('finds a handler, and warns that Logto sends nothing to a private address', async (t) => {
    const { logtoUrl } = await startIssuer(t)
    const { store, revocations } = startRevocations(t)
    const { url } = await startServer(t, revocations.backchannelLogout({ logtoUrl, clientId: 'app' }))
    const { code, ok, findings } = await doctor(['--backchannel', url])
    assert.deepEqual([code, ok, verdicts(findings)], [0, true, { Address: null, Backchannel: true }])
    assert.match(found(findings, 'Backchannel'), /^requests without a valid logout token get 400 in \d+ ms$/)
    assert.match(
      report(findings, 'Address'),
      /silently sends no logout tokens.*OIDC_PROVIDER_SSRF_PROTECTION_DISABLED=true/,
    )
    assert.deepEqual(store.entries, [])
  })

  test('recognizes private addresses and names', async () => {
    // `fetch` refuses port 9, so nothing is sent to these addresses.
    const check = async (host) =>
      finding((await doctor(['--backchannel', `http://${host}:9/logout`])).findings, 'Address')
    for (const host of [
      'localhost',
      'api.localhost',
      'api.internal',
      'printer.local',
      'api',
      '10.1.2.3',
      '172.31.255.1',
      '192.168.0.1',
      '169.254.169.254',
      '100.64.0.1',
      '[::1]',
      '[fd00::1]',
      '[fe80::1]',
      '[::ffff:10.0.0.1]',
    ])
      assert.match(JSON.stringify(await check(host)), /"ok":null,.* is private:.*"advice":/, host)
    for (const host of ['192.0.2.1', '172.32.0.1', '[2001:db8::1]']) assert.equal((await check(host)).ok, true, host)
  })

  const error = JSON.stringify({ error: 'invalid_request', error_description: 'x' })
  /** @type {[string, (app: any, logout: any, issuer: any) => void, RegExp][]} */
  const FAULTS = [
    ['no route', () => {}, /404.*Mount the handler of backchannelLogout\(\) at this URL, for POST/],
    [
      'logtoAuth() before the handler',
      (app, logout, { logtoUrl }) => app.use(logtoAuth({ logtoUrl, audience: AUDIENCE })).post('/', logout),
      /401.*before logtoAuth\(\)/,
    ],
    [
      'a redirect',
      (app) => app.post('/', (_req, res) => res.redirect(308, '/x')),
      /308 to \/x.*does not follow redirects/,
    ],
    [
      'another handler',
      (app) => app.post('/', (_req, res) => res.end()),
      /gets 200.*Mount backchannelLogout\(\) there/,
    ],
    ['a 400 of something else', (app) => app.post('/', (_req, res) => res.status(400).end()), /no OpenID error/],
    [
      'a cache',
      (app) => app.post('/', (_req, res) => res.status(400).type('json').send(error)),
      /no Cache-Control: no-store/,
    ],
    [
      'a slow response',
      (app) =>
        app.post(
          '/',
          (_req, res) => void setTimeout(() => res.status(400).set('cache-control', 'no-store').send(error), 2600),
        ),
      /takes 2\d\d\d ms.*Logto waits for 2500 ms/,
    ],
  ]
  for (const [name, configure, says] of FAULTS) {
    test(`names the cause: ${name}`, async (t) => {
      const { revocations } = startRevocations(t)
      const issuer = await startIssuer(t)
      const app = express()
      configure(app, revocations.backchannelLogout({ logtoUrl: issuer.logtoUrl, clientId: 'app' }), issuer)
      const { url } = await startServer(t, app)
      const { code, findings } = await doctor(['--backchannel', url])
      assert.deepEqual([code, finding(findings, 'Backchannel').ok], [1, false])
      assert.match(report(findings, 'Backchannel'), says)
    })
  }

  test('names the cause: Fastify without @fastify/formbody', async (t) => {
    const { revocations } = startRevocations(t)
    const app = require('fastify')()
    const { logtoUrl } = await startIssuer(t)
    app.post('/', /** @type {any} */ (revocations.backchannelLogout({ logtoUrl, clientId: 'app' })))
    await app.ready()
    const { findings } = await doctor(['--backchannel', await listen(t, app.server)])
    assert.match(report(findings, 'Backchannel'), /a form gets 415 .*@fastify\/formbody/)
  })
})

test('doctor checks several things at once, and fits into 60 columns', async (t) => {
  const { logtoUrl } = await startIssuer(t)
  const { revocations } = startRevocations(t)
  const app = express()
  app.post('/webhook', /** @type {any} */ (revocations.webhook({ signingKey: KEY })))
  app.post('/logout', /** @type {any} */ (revocations.backchannelLogout({ logtoUrl, clientId: 'app' })))
  const { url } = await startServer(t, app)
  const sources = ['--webhook', `${url}/webhook`, '--backchannel', `${url}/logout`]
  const { code, stdout } = await cli(['doctor', '--url', logtoUrl, ...sources], {
    columns: 60,
    env: { LOGTO_WEBHOOK_KEY: KEY },
  })
  assert.deepEqual([...stdout.matchAll(/^[✓✗!-] (\w+)/gm)].map(([, check]) => check).slice(-5), [
    'Audience',
    'Webhook',
    'Forgery',
    'Address',
    'Backchannel',
  ])
  const revocationLines = stdout.slice(stdout.indexOf('Webhook'))
  for (const line of revocationLines.split('\n')) assert.ok(line.length <= 60, line)
  assert.match(stdout, /^! Address /m)
  assert.match(stdout, /\nNo problems found, 1 warning\.\n$/)
  assert.equal(code, 0)
})

async function doctor(args) {
  const { code, stdout, stderr } = await cli(['doctor', '--json', ...args], { env: { LOGTO_WEBHOOK_KEY: KEY } })
  assert.equal(stderr, '')
  return { code, stdout, ...JSON.parse(stdout) }
}

/** The URL of a server, which closes with its test. */
async function listen(t, server) {
  if (!server.listening) await once(server.listen(0, '127.0.0.1'), 'listening')
  t.after(() => server.close())
  t.after(() => server.closeAllConnections())
  return `http://127.0.0.1:${server.address().port}`
}

const verdicts = (findings) => Object.fromEntries(findings.map(({ check, ok }) => [check, ok]))

function finding(findings, check) {
  const found = findings.find((finding) => finding.check === check)
  assert.ok(found, check)
  return found
}

const found = (findings, check) => finding(findings, check).found
const report = (findings, check) => `${found(findings, check)} ${finding(findings, check).advice}`
