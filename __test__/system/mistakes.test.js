/**
 * Mistakes that beginners make: the response that the client gets, the details that the operator can log, and the fix,
 * which the diagnosing command or the error itself must name.
 */

const assert = require('node:assert/strict')
const { spawnSync } = require('node:child_process')
const { createServer } = require('node:https')
const { join } = require('node:path')
const { describe, test } = require('node:test')
const express = require('express')
const { createVerifier } = require('logto-authkit')
const { logtoAuth, protect } = require('logto-authkit/express')
const { createSelfSigned } = require('../support/certificates')
const { inChild } = require('../support/child')
const { cli } = require('../support/cli')
const { temporaryFolder } = require('../support/files')
const { ask, bearer, listen, serve } = require('../support/frameworks')
const { AUDIENCE, startIssuer } = require('../support/helpers')
const { ROOT, read } = require('../support/pages')
const { tsc } = require('../support/typescript')

const TROUBLESHOOTING = read('docs/troubleshooting.md')
const WIDE = { columns: 1000 }

/** Sends a request to an application with these options. Returns the client's side and the server's. */
async function attempt(t, options, request) {
  /** @type {any} */
  let refused
  const app = express()
  app.use(logtoAuth({ ...options, onRefused: (error) => (refused = error) }))
  app.get('/me', (req, res) => res.json({ userId: req.auth?.userId }))
  const { status, body } = await ask(`${await serve(t, app)}/me`, request)
  const client = `${status} ${JSON.parse(body).code}`
  return { client, server: refused && `${JSON.stringify(refused.details)} ${refused.cause?.code}` }
}

/** The output of a command as one line. */
const said = ({ stdout, stderr }) => (stdout + stderr).replace(/\s+/g, ' ')

const doctor = async (url) => said(await cli(['doctor', '--url', url, '--audience', AUDIENCE], WIDE))

async function explain(issuer, stdin) {
  return said(await cli(['explain', '-', '--url', issuer.logtoUrl, '--audience', AUDIENCE], { ...WIDE, stdin }))
}

/** Asserts that the troubleshooting page has a row with the message and the fix. */
function assertListed(/** @type {string} */ message, /** @type {RegExp} */ fix) {
  const row = TROUBLESHOOTING.split('\n').find((line) => line.includes(message) && fix.test(line))
  assert.ok(row !== undefined, message)
}

describe('a wrong logtoUrl', { timeout: 300_000 }, () => {
  test('1. without a scheme stops the start, and the error says what is expected', () => {
    assert.throws(() => createVerifier({ logtoUrl: 'auth.example.com', audience: AUDIENCE }), {
      code: 'invalid_options',
      message:
        'Invalid option "logtoUrl": expected an absolute http or https URL, got "auth.example.com": write https://auth.example.com',
    })
  })

  /** @type {[string, (url: string) => string, string, RegExp, RegExp][]} */
  const UNREACHABLE = [
    [
      '2. with the wrong port',
      () => 'http://127.0.0.1:1',
      '503 jwks_unavailable',
      /ECONNREFUSED/,
      /Check the port|is running at/,
    ],
    [
      '3. with https for an http server',
      (url) => url.replace('http:', 'https:'),
      '503 jwks_unavailable',
      /EPROTO/,
      /Check whether the URL should use http/,
    ],
    [
      '4. with the path of a page',
      (url) => `${url}/console`,
      '503 jwks_unavailable',
      /jwksUri.*console/,
      /not seem to be the base URL of Logto\. Use the ENDPOINT of the server/,
    ],
    [
      '5. with the name of a container, outside of its network',
      () => 'https://logto.invalid',
      '503 jwks_unavailable',
      /ENOTFOUND/,
      /it may belong to another network, such as that of a container/,
    ],
  ]
  for (const [name, change, client, server, fix] of UNREACHABLE) {
    test(`${name}: the server's side and doctor name the cause`, async (t) => {
      const issuer = await startIssuer(t)
      const logtoUrl = change(issuer.logtoUrl)
      const seen = await attempt(t, { logtoUrl, audience: AUDIENCE }, bearer(issuer.mint()))
      assert.equal(seen.client, client)
      assert.match(seen.server, server)
      if (name.startsWith('4.')) issuer.setOutage('html')
      assert.match(await doctor(logtoUrl), fix)
    })
  }

  test('6. with localhost where Logto calls itself 127.0.0.1: doctor prints the right one', async (t) => {
    const issuer = await startIssuer(t)
    const logtoUrl = issuer.logtoUrl.replace('127.0.0.1', 'localhost')
    const seen = await attempt(t, { logtoUrl, audience: AUDIENCE }, bearer(issuer.mint()))
    assert.equal(seen.client, '401 invalid_issuer')
    assert.ok(seen.server.includes(issuer.issuer) && seen.server.includes(`${logtoUrl}/oidc`), seen.server)
    assert.ok((await doctor(logtoUrl)).includes(`Set logtoUrl: "${issuer.logtoUrl}"`))
  })

  test('that is the URL of the key set or of the discovery document is accepted', async (t) => {
    const issuer = await startIssuer(t)
    for (const suffix of ['/oidc', '/oidc/jwks', '/oidc/.well-known/openid-configuration']) {
      const seen = await attempt(t, { logtoUrl: issuer.logtoUrl + suffix, audience: AUDIENCE }, bearer(issuer.mint()))
      assert.equal(seen.client, '200 undefined')
    }
  })

  test('7. of a server with a self-signed certificate: doctor names NODE_EXTRA_CA_CERTS', async (t) => {
    const url = await listen(
      t,
      createServer(createSelfSigned(), (_, response) => response.end('{}')),
    )
    const logtoUrl = url.replace('http:', 'https:')
    const seen = await attempt(t, { logtoUrl, audience: AUDIENCE }, bearer((await startIssuer(t)).mint()))
    assert.equal(seen.client, '503 jwks_unavailable')
    assert.match(seen.server, /DEPTH_ZERO_SELF_SIGNED_CERT/)
    assert.match(await doctor(logtoUrl), /self-signed.*NODE_EXTRA_CA_CERTS/)
  })
})

test('8. unset variables stop the start, and the error names the variable', async () => {
  const { stderr } = await inChild(() => require('logto-authkit/express').logtoAuth(), null, {
    LOGTO_URL: '',
    LOGTO_AUDIENCE: '',
  })
  assert.match(stderr, /Invalid environment variable LOGTO_URL: expected .*, got an empty string/)
  assertListed('Invalid environment variable LOGTO_URL', /`unset LOGTO_URL`/)
})

describe('a wrong token', { timeout: 300_000 }, () => {
  /** @type {[string, (issuer: any) => any, string, RegExp, RegExp][]} */
  const TOKENS = [
    [
      '9. whose audience is the client id',
      (issuer) => issuer.mint({ audience: 'my-app' }),
      '401 invalid_audience',
      /my-app.*api\.example\.com/,
      /Request a token with getAccessToken\("https:\/\/api\.example\.com"\)/,
    ],
    [
      '10. an ID token',
      (issuer) =>
        issuer.mint({
          audience: 'my-app',
          header: { typ: undefined },
          claims: { client_id: undefined, scope: undefined },
        }),
      '401 invalid_token_type',
      /.*/,
      /This is an ID token\..*getAccessToken\("https:\/\/api\.example\.com"\), not getIdToken\(\)/,
    ],
    [
      '11. an opaque token',
      () => 'B9YZvLm7R0xkQ2sT4uVwXyZ1a2b3c4d5e6f7g8h9i0j',
      '401 opaque_token',
      /.*/,
      /This is an opaque token\..*getAccessToken\("https:\/\/api\.example\.com"\)/,
    ],
    [
      '12. a personal access token',
      () => 'pat_B9YZvLm7R0xkQ2sT4uVwXyZ1a2b3c4d5',
      '401 opaque_token',
      /personal_access_token/,
      /This is a personal access token\. Exchange it/,
    ],
    [
      '13. an expired token',
      (issuer) => issuer.mint({ expiresIn: -7200 }),
      '401 token_expired',
      /.*/,
      /The token expired 2 hours .*ago.*Request a new token; getAccessToken\(\)/,
    ],
    [
      '14. a token that a wrong clock lets expire',
      (issuer) => issuer.mint({ expiresIn: -5 }),
      '401 token_expired',
      /.*/,
      /set `clockTolerance`\. To compare the clocks, run: npx logto-authkit doctor --url \S+/,
    ],
    [
      '15. a token of another tenant',
      (issuer) => issuer.mint({ claims: { iss: 'https://other.logto.app/oidc' } }),
      '401 invalid_issuer',
      /other\.logto\.app/,
      /issued by "https:\/\/other\.logto\.app\/oidc"; this API accepts/,
    ],
    [
      '16. the text "undefined", which the client sent before it had a token',
      () => 'undefined',
      '401 malformed_token',
      /literal_undefined/,
      /Sign the user in first, and await the token/,
    ],
  ]
  for (const [name, create, client, server, fix] of TOKENS) {
    test(`${name}: the response has the code, and explain names the fix`, async (t) => {
      const issuer = await startIssuer(t)
      const token = create(issuer)
      const seen = await attempt(t, { logtoUrl: issuer.logtoUrl, audience: AUDIENCE }, bearer(token))
      assert.equal(seen.client, client)
      assert.match(seen.server, server)
      assert.match(await explain(issuer, `Authorization: Bearer ${token}`), fix)
    })
  }
  test('16. is listed with its fix', () => assertListed('Bearer undefined', /`await`.*getAccessToken/))

  test('without the scheme Bearer: the reason and explain say so', async (t) => {
    const issuer = await startIssuer(t)
    const headers = { authorization: issuer.mint() }
    const seen = await attempt(t, { logtoUrl: issuer.logtoUrl, audience: AUDIENCE }, { headers })
    assert.equal(seen.client, '401 missing_token')
    assert.match(seen.server, /no_bearer_scheme/)
    const text = await explain(issuer, `Authorization: ${headers.authorization}`)
    assert.match(text, /contains only a token or a word\. Write `Bearer ` before/)
  })

  test('17. in a cookie with another name: explain names the option', async (t) => {
    const issuer = await startIssuer(t)
    const headers = { cookie: `access_token=${issuer.mint()}` }
    const seen = await attempt(t, { logtoUrl: issuer.logtoUrl, audience: AUDIENCE }, { headers })
    assert.equal(seen.client, '401 missing_token')
    assert.match(await explain(issuer, `Cookie: ${headers.cookie}`), /set cookieName: "access_token"/)
  })

  test('18. in a cookie that cookie-parser has turned into an object is no token', async (t) => {
    const issuer = await startIssuer(t)
    const app = express()
    app.use(require('cookie-parser')(), logtoAuth({ logtoUrl: issuer.logtoUrl, audience: AUDIENCE }))
    const headers = { cookie: 'logto_authtoken=j:{"token":1}' }
    const { status, body } = await ask(await serve(t, app), { headers })
    assert.deepEqual([status, JSON.parse(body).code], [401, 'malformed_token'])
    assert.match(
      await explain(issuer, `Cookie: ${headers.cookie}`),
      /Store the token itself: res\.cookie\(name, token\)/,
    )
  })
})

describe('a wrong application', { timeout: 300_000 }, () => {
  const inApp = (script) => inChild(script, null, { LOGTO_URL: 'http://127.0.0.1:1', LOGTO_AUDIENCE: AUDIENCE })

  test('19. with protect() before logtoAuth(): a warning says so', async () => {
    const { stderr } = await inApp(async () => {
      const { protect } = require('logto-authkit/express')
      const app = require('express')().get('/', protect())
      const server = app.listen(0, async () => {
        await fetch(`http://127.0.0.1:${/** @type {any} */ (server.address()).port}`)
        process.exit()
      })
    })
    assert.match(stderr, /LOGTO_AUTHKIT_UNSEEN_REQUEST.*register logtoAuth\(\) before it/s)
  })

  test('20. with a route above logtoAuth(): the message is listed with its fix', () =>
    assertListed("Cannot read properties of undefined (reading 'userId')", /Move them below/))

  test('21. without parentheses: the error says what to write', () => {
    for (const [use, says] of /** @type {[any, RegExp][]} */ ([
      [logtoAuth, /write logtoAuth\(/],
      [protect, /write protect\(\)/],
    ])) {
      const request = { method: 'GET', url: '/', headers: {}, socket: {} }
      assert.throws(() => use(request, { setHeader() {}, end() {} }, () => {}), { name: 'TypeError', message: says })
    }
  })

  test('22. without await: the compiler says so, and the page says why userId is undefined', (t) => {
    const { save } = temporaryFolder(t, join(__dirname, '.mistake-'))
    const file = save('await.mts', "import { verifyAuth } from 'logto-authkit'\nverifyAuth('').userId\n")
    const flags = ['--noEmit', '--ignoreConfig', '--skipLibCheck', '--module', 'nodenext', '--types', 'node']
    assert.match(tsc(...flags, file).stdout, /Property 'userId' does not exist on type 'Promise<.*/)
    assertListed('users have no id', /`auth\.userId` is `undefined`.*add `await`/)
    assertListed('every request gets in', /`if \(verifyAuth\(req, options\)\)`.*await verifyAuth/)
    assertListed('ends the process', /unhandled rejection.*add `await`/)
  })

  test('23. that handles CORS after logtoAuth(): a warning names cors()', async () => {
    const { stderr } = await inApp(async () => {
      const { logtoAuth } = require('logto-authkit/express')
      const app = require('express')().use(logtoAuth())
      const server = app.listen(0, async () => {
        const headers = { Origin: 'https://app.example.com', 'Access-Control-Request-Method': 'GET' }
        const { status } = await fetch(`http://127.0.0.1:${/** @type {any} */ (server.address()).port}`, {
          method: 'OPTIONS',
          headers,
        })
        process.exit(status === 401 ? 0 : 1)
      })
    })
    assert.match(stderr, /LOGTO_AUTHKIT_PREFLIGHT.*register cors\(\) before logtoAuth\(\)/s)
  })

  test('24. imported in a Client Component or in the Edge runtime: the error says where to import it', () => {
    // Bundlers use the condition "browser" for both.
    const args = ['--conditions', 'browser', '--eval', "require('logto-authkit')"]
    const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', cwd: ROOT })
    assert.equal(status, 1)
    assert.match(stderr, /runs only in Node\.js: import it only in server code, .* remove runtime = 'edge' from routes/)
    for (const advice of ['as props', '`proxy.ts`', "`runtime: 'nodejs'`"])
      assertListed('runs only in Node.js', new RegExp(advice))
  })

  test('25. without withLogtoAuth: the messages of bundlers are listed', () => {
    assertListed('non-ecmascript placeable asset', /logto-authkit/)
    assertListed('appropriate loader', /logto-authkit/)
    assert.match(TROUBLESHOOTING, /export default withLogtoAuth\(nextConfig\)/)
  })
})
