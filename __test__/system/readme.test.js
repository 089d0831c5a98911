const assert = require('node:assert/strict')
const { spawn, spawnSync } = require('node:child_process')
const { readFileSync } = require('node:fs')
const { join } = require('node:path')
const { text } = require('node:stream/consumers')
const { test } = require('node:test')
const { createVerifier, verifyAuth } = require('logto-authkit')
const { contract } = require('../../js/core/contract')
const { startDev } = require('../support/cli')
const { ask, bearer } = require('../support/frameworks')
const { startIssuer } = require('../support/helpers')
const { blocks } = require('../support/pages')
const { EXAMPLES, launch, start } = require('../support/start-example')

const ROOT = join(__dirname, '../..')
const readme = readFileSync(join(ROOT, 'README.md'), 'utf8')
const AUDIENCE = 'https://api.example.com'

test('every snippet of the README is an example or a template, to the letter', () => {
  const snippets = [...readme.matchAll(/<!-- ((?:examples|js\/cli\/templates)\/\S+) -->\n```[jt]s\n([\s\S]*?)```/g)]
  assert.equal(snippets.length, (readme.match(/^```js$/gm)?.length ?? 0) + (readme.match(/^```ts$/gm)?.length ?? 0))
  for (const [, file, code] of snippets) assert.equal(code, readFileSync(join(ROOT, file), 'utf8'), file)
})

test('the README has fewer than 250 lines', () => {
  assert.ok(readme.split('\n').length < 250)
})

test('the speeds in the README are those that the benchmark measured', () => {
  const bench = readFileSync(join(ROOT, 'docs/bench.md'), 'utf8')
  const measured = [...bench.matchAll(/\| (\d+\.\d+) [x%] \| /g)].map(([, figure]) => Number(figure))
  const section = readme.slice(readme.indexOf('\n## Performance\n'), readme.indexOf('\n## Good to know\n'))
  const told = section.match(/\d+\.\d+|\d+(?= %)/g) ?? []
  assert.equal(told.length, 9)
  for (const figure of told) {
    const digits = figure.split('.')[1]?.length ?? 0
    assert.ok(
      measured.some((exact) => exact.toFixed(digits) === figure),
      figure,
    )
  }
})

test('the README lists every option', () => {
  for (const { name } of contract().options.verifier)
    assert.match(readme, new RegExp(`^\\|.*\`${name}\`.*\\|`, 'm'), name)
})

/** Starts an example and returns a function that sends requests to it. */
async function started(t, file) {
  const { url, token } = await start(t, join(EXAMPLES, file))
  return async (path, claims) => {
    const res = await fetch(url + path, token(claims))
    return { status: res.status, challenge: res.headers.get('www-authenticate'), body: await res.text() }
  }
}

test('the commands in the README get the responses that the README shows', { timeout: 300_000 }, async (t) => {
  const { logtoUrl, page } = await startDev(t)
  const [install, start, token] = blocks(['README.md']).filter(({ language }) => language === 'sh')
  assert.match(install.code, /^npx logto-authkit dev$/m)
  assert.equal(start.code, 'LOGTO_URL=http://127.0.0.1:3001 node app.mjs\n')
  const { url } = await launch(t, join(EXAMPLES, 'express.mjs'), logtoUrl)
  const script = token.code.replace('http://127.0.0.1:3002', page).replaceAll('localhost:3000', new URL(url).host)
  for (const [scope, path, status] of [
    ['read:news', '/me', 200],
    ['read:news', '/orders', 403],
    ['read:news read:orders', '/orders', 200],
  ]) {
    const bash = spawn('bash', [
      '-c',
      `${script.replace('read:news', encodeURIComponent(String(scope)))}printf %s "$TOKEN"`,
    ])
    t.after(() => bash.kill())
    const output = await text(bash.stdout)
    const answer = await ask(url + path, bearer(output.split('\n').at(-1)))
    assert.equal(answer.status, status, answer.body)
    assert.ok(output.includes(answer.body), output)
    if (scope !== 'read:news') continue
    assert.ok(readme.includes(answer.body), answer.body)
    const challenge = answer.headers['www-authenticate']
    if (challenge !== undefined) assert.ok(readme.includes(`WWW-Authenticate: ${challenge}`), challenge)
  }
  assert.equal((await ask(`${url}/`)).status, 200)
})

test('the example of verifyAuth returns the id of the user, and rejects requests without a token', async (t) => {
  const issuer = await startIssuer(t)
  Object.assign(process.env, { LOGTO_URL: issuer.logtoUrl, LOGTO_AUDIENCE: AUDIENCE })
  const { userIdOf } = await import(join(EXAMPLES, 'verify.mjs'))
  assert.equal(await userIdOf(bearer(issuer.mint({ sub: 'alice', audience: AUDIENCE }))), 'alice')
  await assert.rejects(userIdOf({ headers: {} }), { code: 'missing_token' })
})

test('the example server accepts valid tokens and rejects expired ones', async (t) => {
  const ask = await started(t, 'server.mjs')
  assert.deepEqual(await ask('/', { sub: 'vt2nyp5v8kq5', scope: 'read:orders write:orders' }), {
    status: 200,
    challenge: null,
    body: 'Hello vt2nyp5v8kq5, you may read:orders and write:orders\n',
  })
  assert.deepEqual(await ask('/', { expiresIn: -1 }), {
    status: 401,
    challenge: 'Bearer error="invalid_token", error_description="Token has expired"',
    body: 'Token has expired\n',
  })
})

test('the guest example distinguishes visitors from users', async (t) => {
  const issuer = await startIssuer(t)
  const { url: address } = await launch(t, join(EXAMPLES, 'guests.mjs'), issuer.logtoUrl)

  const first = await fetch(address)
  const cookie = String(first.headers.get('set-cookie')).split(';')[0]
  const welcome = await first.text()
  assert.equal(first.headers.get('cache-control'), 'private')
  assert.doesNotMatch(String(first.headers.get('set-cookie')), /Secure/)
  assert.match(welcome, /^Welcome, visitor [0-9a-f-]{36}\n$/)
  assert.equal(await (await fetch(address, { headers: { cookie } })).text(), welcome)
  const token = (claims) => issuer.mint({ sub: 'alice', audience: AUDIENCE, ...claims })
  const bearer = (value) => ({ headers: { authorization: `Bearer ${value}` } })
  assert.equal(await (await fetch(address, bearer(token({})))).text(), 'Welcome back, alice\n')
  assert.equal(await (await fetch(address, bearer(token({ expiresIn: -1 })))).text(), 'Your session has ended\n')
})

test('the example test passes', () => {
  const env = { ...process.env }
  delete env.NODE_TEST_CONTEXT
  const { status, stdout } = spawnSync(process.execPath, ['--test', join(ROOT, 'examples/testing/orders.test.mjs')], {
    encoding: 'utf8',
    env,
  })
  assert.equal(status, 0, stdout)
  assert.match(stdout, /pass 1\b/)
})

test('a context has the members that the README shows', async (t) => {
  const issuer = await startIssuer(t)
  const options = { logtoUrl: issuer.logtoUrl, audience: AUDIENCE }
  const auth = await verifyAuth(issuer.mint({ audience: AUDIENCE }), createVerifier(options))
  const shown = /^ +\/\/ \{ (userId: [\s\S]*?)\}\n/m.exec(readme)?.[1] ?? ''
  assert.deepEqual([...shown.matchAll(/(\w+): /g)].map(([, name]) => name).sort(), Object.keys(auth).sort())
})
