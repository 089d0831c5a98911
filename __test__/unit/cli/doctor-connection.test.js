const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const { keyServerFinding } = require('../../../js/cli/doctor-connection')
const { findRunningIssuer } = require('../../../js/cli/local-issuer')
const { proxyFor } = require('../../../js/cli/proxy')
const { cli, startDev } = require('../../support/cli')
const { startIssuer } = require('../../support/helpers')
const { twoFreePorts } = require('../../support/servers')

test('doctor recognizes the page of `logto-authkit dev`', async (t) => {
  const { page, logtoUrl } = await startDev(t)
  const failed = await failures(page)
  assert.deepEqual(
    failed.map(({ check }) => check),
    ['Discovery'],
  )
  assert.equal(failed[0].found, `${page} is the page of \`logto-authkit dev\``)
  assert.match(failed[0].advice, /URL that it prints, by default http:\/\/127\.0\.0\.1:3001/)
  assert.deepEqual(await failures(logtoUrl), [])
})

test('a running `logto-authkit dev` is recognized by the header of its page', async (t) => {
  const port = await twoFreePorts()
  assert.equal(await findRunningIssuer(`http://127.0.0.1:${port}`), null)
  const { logtoUrl } = await startDev(t, ['--json', '--port', String(port)])
  assert.equal(await findRunningIssuer(logtoUrl), logtoUrl)
  assert.equal(await findRunningIssuer((await startIssuer(t)).logtoUrl), null)
})

describe('a refused connection', () => {
  const refused = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' })
  const findingFor = (url, isUrlFromEnvironment, devUrl, its = {}) =>
    keyServerFinding(refused, new URL(url), proxyFor(new URL(url), {}), its, isUrlFromEnvironment, async () => devUrl)

  for (const [url, command] of [
    ['http://127.0.0.1:1', 'dev --port 1'],
    ['http://localhost:1', 'dev --port 1'],
    ['http://[::1]:1', 'dev'],
    ['http://127.0.0.1:1/logto', 'dev'],
  ]) {
    test(`to ${url} recommends \`logto-authkit ${command}\``, async () => {
      const { advice } = await findingFor(url, false, null)
      assert.ok(advice?.endsWith(` During development, start \`npx logto-authkit ${command}\`.`), advice)
    })
  }

  test('to `jwksUri` does not recommend another `logtoUrl`', async () => {
    const jwksUri = 'http://localhost:9999/oidc/jwks'
    const { advice, fix } = await findingFor(jwksUri, false, 'http://127.0.0.1:3001', { jwksUri })
    assert.doesNotMatch(String(advice), /3001/)
    assert.equal(fix, undefined)
  })

  test('recommends the URL of `logto-authkit dev` if it is running', async () => {
    const url = 'http://127.0.0.1:3001'
    for (const [isUrlFromEnvironment, change] of /** @type {[boolean, string][]} */ ([
      [true, `set LOGTO_URL=${url}`],
      [false, `pass --url ${url}`],
    ])) {
      const { advice, fix } = await findingFor('http://localhost:3000', isUrlFromEnvironment, url)
      const running = `Nothing listens on that port, but \`npx logto-authkit dev\` is running at ${url}`
      assert.deepEqual([advice, fix], [`${running}: ${change}.`, { logtoUrl: url }])
    }
  })

  test('is explained by doctor', async () => {
    const [{ check, advice }] = await failures('http://127.0.0.1:1')
    assert.equal(check, 'Connection')
    assert.match(advice, /^Nothing listens on that port.*`npx logto-authkit dev/)
  })

  test('to another host does not', async () => {
    // Linux connects 0.0.0.0 to this machine, but it is not a loopback address.
    const failed = await failures('http://0.0.0.0:1')
    assert.ok(failed.some(({ check }) => check === 'Connection'))
    assert.doesNotMatch(JSON.stringify(failed), /logto-authkit dev/)
  })
})

async function failures(url) {
  const { stdout } = await cli(['doctor', '--json', '--url', url])
  return JSON.parse(stdout).findings.filter(({ ok }) => ok === false)
}
