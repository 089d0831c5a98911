const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const { cli, startDev } = require('../../support/cli')

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

describe('a refused connection', () => {
  for (const [url, command] of [
    ['http://127.0.0.1:1', 'dev --port 1'],
    ['http://localhost:1', 'dev --port 1'],
    ['http://[::1]:1', 'dev'],
    ['http://127.0.0.1:1/logto', 'dev'],
  ]) {
    test(`to ${url} recommends \`logto-authkit ${command}\``, async () => {
      const [{ check, advice }] = await failures(url)
      assert.equal(check, 'Connection')
      // A machine without IPv6 reports another error for [::1].
      if (/Nothing listens/.test(advice))
        assert.ok(advice.endsWith(` During development, start \`npx logto-authkit ${command}\`.`))
      else assert.ok(url.includes('[::1]'), advice)
    })
  }

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
