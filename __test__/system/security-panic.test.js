/** The effect of a bug in the core, on a build of the addon that panics if a token or key set contains `test-panic`. */

const assert = require('node:assert/strict')
const { spawnSync } = require('node:child_process')
const { copyFileSync, readFileSync } = require('node:fs')
const { join } = require('node:path')
const { after, before, test } = require('node:test')
const { inChild } = require('../support/child')
const { temporaryFolder } = require('../support/files')

const INTERNAL = 'logto-authkit: internal error, please report it'
const PANIC_LINE_PATTERN = /^logto-authkit: internal error at \S+:\d+:\d+, please report it$/

const addon = join(temporaryFolder({ after }).folder, 'addon.node')

before(
  () => {
    const args = ['build', '--locked', '--features', 'test-panic', '--message-format', 'json-render-diagnostics']
    const cargo = spawnSync('cargo', args, { cwd: join(__dirname, '../..'), encoding: 'utf8', maxBuffer: 1 << 28 })
    assert.equal(cargo.status, 0, cargo.stderr)
    const messages = cargo.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    const built = messages.findLast(({ target }) => target?.crate_types.includes('cdylib')).filenames
    const library = built.find((name) => /\.(so|dylib|dll)$/.test(name))
    copyFileSync(library, addon)
  },
  { timeout: 1_800_000 },
)

/** Runs a function that prints JSON, with that addon. */
async function withBug(script) {
  const { code, signal, stdout, stderr } = await inChild(script, null, { NAPI_RS_NATIVE_LIBRARY_PATH: addon })
  assert.deepEqual([code, signal], [0, null], stderr)
  return { outcome: JSON.parse(stdout), lines: stderr.trim().split('\n') }
}

test('a panic on the calling thread rejects the promise, and the next verification works', async () => {
  const { outcome, lines } = await withBug(async () => {
    const { createVerifier, verifyAuth } = require('logto-authkit')
    const { AUDIENCE, LOGTO_URL, bearer, createKey, signToken } = require('../support/tokens')
    const key = createKey('ES256')
    const options = { logtoUrl: LOGTO_URL, audience: AUDIENCE, jwks: { keys: [key.jwk] } }
    const bad = () => signToken(key, { sub: 'test-panic' })
    const verifier = createVerifier(options)
    const outcomes = await Promise.allSettled([
      verifier.verify(bad()),
      verifyAuth(bearer(bad()), options),
      verifyAuth(bearer(bad()), { ...options, allowGuest: true }),
      verifier.verify(signToken(key)),
    ])
    const [{ userId }] = [await verifier.verify(signToken(key))]
    console.log(
      JSON.stringify([...outcomes.map((one) => ('reason' in one ? one.reason.message : one.value.userId)), userId]),
    )
  })
  assert.deepEqual(outcome, [INTERNAL, INTERNAL, INTERNAL, 'alice', 'alice'])
  assert.equal(lines.length, 3)
  for (const line of lines) assert.match(line, PANIC_LINE_PATTERN)
})

test('a panic on the thread pool rejects the promise, and the next verification works', async () => {
  const { outcome, lines } = await withBug(async () => {
    const { createVerifier } = require('logto-authkit')
    const { AUDIENCE, LOGTO_URL, createKey, signToken } = require('../support/tokens')
    const key = createKey('ES384')
    const verifier = createVerifier({ logtoUrl: LOGTO_URL, audience: AUDIENCE, jwks: { keys: [key.jwk] } })
    const tokens = Array.from({ length: 100 }, () => signToken(key, { sub: 'test-panic' }))
    // The first checks of an event loop turn run on the calling thread, until they have used up its time slice.
    const first = Promise.all(Array.from({ length: 50 }, () => verifier.verify(signToken(key))))
    const others = await Promise.allSettled(tokens.map((token) => verifier.verify(token)))
    const reasons = others.map((one) => ('reason' in one ? one.reason : one))
    const here = reasons.filter(({ stack }) => /at verifyToken/.test(stack)).length
    const messages = new Set(reasons.map(({ message }) => message))
    const { userId } = await verifier.verify(signToken(key))
    console.log(JSON.stringify([(await first).length, [...messages], here, userId]))
  })
  assert.deepEqual(outcome, [50, [INTERNAL], 0, 'alice'])
  assert.equal(lines.length, 100)
  for (const line of lines) assert.match(line, PANIC_LINE_PATTERN)
})

test('a panic while fetching keys is a temporary outage', async () => {
  const { outcome, lines } = await withBug(async () => {
    const { createVerifier } = require('logto-authkit')
    // Mutes the warning about the outage.
    process.emitWarning = () => {}
    const { keySet, startKeyServer, text } = require('../support/key-server')
    const { AUDIENCE } = require('../support/tokens')
    const server = await startKeyServer({ after() {} }, { answer: text(200, 'test-panic') })
    const options = { logtoUrl: server.logtoUrl, audience: AUDIENCE, jwksCooldownMs: 0 }
    const verifier = createVerifier(options)
    const token = server.key.sign(server.issuer)
    const errors = await Promise.all([1, 2, 3].map(() => verifier.verify(token).catch((error) => error)))
    const { lastError } = verifier.stats().jwks
    server.answer = keySet([server.key])
    const { userId } = await verifier.verify(token)
    console.log(JSON.stringify([errors.map((error) => [error.code, error.cause.message]), lastError, userId]))
    server.close()
  })
  const outage = ['jwks_unavailable', 'the fetch was aborted']
  assert.deepEqual(outcome, [[outage, outage, outage], 'the fetch was aborted', 'alice'])
  assert.equal(lines.length, 1)
  assert.match(lines[0], PANIC_LINE_PATTERN)
})

test('the published addon has no test panic', () => {
  const files = ['package.json', 'scripts/build.js', 'scripts/build-portable.sh', '.github/workflows/release.yml']
  for (const file of files) {
    const text = readFileSync(join(__dirname, '../..', file), 'utf8')
    assert.doesNotMatch(text, /test-panic|--all-features/, file)
  }
})
