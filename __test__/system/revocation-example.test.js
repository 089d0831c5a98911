const assert = require('node:assert/strict')
const { spawn, spawnSync } = require('node:child_process')
const { on, once } = require('node:events')
const { join } = require('node:path')
const { createInterface } = require('node:readline')
const { Readable } = require('node:stream')
const { test } = require('node:test')
const { NO_REDIS } = require('../support/redis')

const MAIN = join(__dirname, '../../examples/revocation/main.mjs')

test('the revocation example rejects users on both instances within a second', { skip: NO_REDIS }, () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, '--check'], {
    encoding: 'utf8',
    timeout: 60_000,
  })
  assert.equal(status, 0, stdout + stderr)
  const lines = stdout.trim().split('\n')
  assert.deepEqual(
    lines.map((line) =>
      line
        .trim()
        .replace(/ +/g, ' ')
        .replace(/\d+ ms$/, '… ms'),
    ),
    [
      ...['alice', 'bob'].flatMap((name) => [`${name} instance 1 200`, `${name} instance 2 200`]),
      'suspend alice',
      'alice instance 1 401 token_revoked after … ms',
      'alice instance 2 401 token_revoked after … ms',
      'signOut bob',
      'bob instance 1 401 token_revoked after … ms',
      'bob instance 2 401 token_revoked after … ms',
    ],
  )
})

test('the page of the revocation example shows calls, and signs users in and out', { skip: NO_REDIS }, async (t) => {
  const env = { ...process.env, PORT: '0' }
  const example = spawn(process.execPath, [MAIN], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => example.kill())
  const [line] = await once(createInterface(example.stdout), 'line')
  const url = line.replace('Open ', '')
  assert.match(await (await fetch(url)).text(), /<title>Revocation<\/title>/)
  const press = async (action, user, origin = url) =>
    (await fetch(`${url}/${action}?user=${user}`, { method: 'POST', headers: { origin } })).status

  const controller = new AbortController()
  t.after(() => controller.abort())
  const { body } = await fetch(`${url}/calls`, { signal: controller.signal })
  const calls = createInterface(Readable.fromWeb(/** @type {any} */ (body))).on('error', () => {})
  /** Waits until both instances give this response. */
  const answersOf = async (user, expected) => {
    const waiting = new Set([0, 1])
    for await (const [line] of on(calls, 'line')) {
      if (line === '') continue
      const call = JSON.parse(line.slice('data: '.length))
      if (call.user === user && call.answer === expected) waiting.delete(call.instance)
      if (waiting.size === 0) return
    }
  }
  assert.equal(await press('signIn', 'bob'), 204)
  await answersOf('bob', '200')
  assert.equal(await press('suspend', 'bob', 'https://evil.example.com'), 404)
  assert.equal(await press('signOut', 'bob'), 204)
  await answersOf('bob', '401 token_revoked')
  assert.equal(await press('signIn', 'alice'), 204)
  for (const user of ['alice', 'bob']) {
    assert.equal(await press('suspend', user), 204)
    assert.equal(await press('signIn', user), 400, user)
  }
})

test('the revocation example says how to install redis-server', () => {
  const env = { ...process.env, PATH: '', REDIS_URL: '' }
  const { status, stderr } = spawnSync(process.execPath, [MAIN, '--check'], { encoding: 'utf8', env })
  assert.equal(status, 1)
  assert.match(stderr, /^redis-server is not installed\. Debian and Ubuntu: apt-get install redis-server\./m)
})
