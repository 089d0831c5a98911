const assert = require('node:assert/strict')
const { once } = require('node:events')
const { test } = require('node:test')
const { createVerifier } = require('logto-authkit')
const hostile = require('../../support/key-server')
const { keySet, raw, startKeyServer, text } = hostile
const { AUDIENCE, createKey } = require('../../support/keys')

/**
 * @typedef {import('../../support/key-server').Answer} Answer
 * @typedef {import('../../support/key-server').KeyServer} KeyServer
 */

const KEY = createKey()
const BODY = JSON.stringify({ keys: [KEY.jwk] })

/** An answer of each kind, and what an operator reads of it. @type {[string, Answer, RegExp][]} */
const OUTAGES = [
  ['an HTML page', text(200, '<!doctype html><title>Logto</title>', { 'Content-Type': 'text/html' }), /is not JSON$/],
  ['an empty body', text(200), /is not JSON$/],
  ['JSON that breaks off', text(200, BODY.slice(0, -9)), /is not JSON$/],
  ['a body with something after it', text(200, `${BODY}}`), /is not JSON$/],
  ['a byte order mark', text(200, `\ufeff${BODY}`), /is not JSON$/],
  ['UTF-16', text(200, Buffer.from(BODY, 'utf16le')), /is not JSON$/],
  ['invalid UTF-8', text(200, Buffer.from(`{"keys":[],"x":"\xff"}`, 'latin1')), /is not JSON$/],
  ['JSON nested 100,000 deep', text(200, '['.repeat(100_000)), /is not JSON$/],
  ['gzip that is none', text(200, BODY, { 'Content-Encoding': 'gzip' }), /./],
  ['a coding that was not asked for', hostile.brotli([KEY]), /is not JSON$/],
  ['null', text(200, 'null'), /no array "keys"$/],
  ['an array', text(200, `[${BODY}]`), /no array "keys"$/],
  ['a single key', text(200, JSON.stringify(KEY.jwk)), /no array "keys"$/],
  ['keys that are an object', text(200, JSON.stringify({ keys: { [KEY.jwk.kid]: KEY.jwk } })), /no array "keys"$/],
  ['the error of an API', text(200, '{"code":"oidc.server_error","message":"Internal error"}'), /no array "keys"$/],
  ['no key', keySet([]), /no usable key among 0$/],
  ['no usable key', text(200, '{"keys":[null,1,{},{"kty":"oct","k":"c2VjcmV0"},{"kty":"EC"}]}'), /among 5$/],
  ['65 keys', text(200, JSON.stringify({ keys: Array(65).fill(KEY.jwk) })), /65 keys, more than 64$/],
  ['10,000 small keys', text(200, JSON.stringify({ keys: Array(10_000).fill({}) })), /10000 keys, more than 64$/],
  ['10,000 keys', text(200, JSON.stringify({ keys: Array(10_000).fill(KEY.jwk) })), /longer than 256 KiB$/],
  ['a gzip bomb of 64 MB', hostile.gzipBomb(64), /longer than 256 KiB$/],
  ['204', text(204), /answered 204$/],
  ['206 with a good body', text(206, BODY), /answered 206$/],
  ['304 unasked', text(304), /answered 304$/],
  ['401', text(401), /answered 401$/],
  ['404 with a good body', text(404, BODY), /answered 404$/],
  ['429', text(429, '', { 'Retry-After': '86400' }), /answered 429$/],
  ['500', text(500), /answered 500$/],
  ['a body shorter than announced', raw(`HTTP/1.1 200 OK\r\nContent-Length: ${BODY.length + 1}\r\n\r\n${BODY}`), /./],
  ['chunks that break off', raw(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfff\r\n${BODY}`), /./],
  [
    'a chunk size that overflows',
    raw('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n'),
    /./,
  ],
  ['something that is not HTTP', raw('SSH-2.0-OpenSSH_9.6\r\n'), /./],
  ['1,000 headers', raw(`HTTP/1.1 200 OK\r\n${'X: x\r\n'.repeat(1000)}\r\n${BODY}`), /./],
  ['a header of 1 MB', raw(`HTTP/1.1 200 OK\r\nX: ${'x'.repeat(1024 * 1024)}\r\n\r\n${BODY}`), /./],
  ['a connection reset', hostile.resetting, /./],
  ['a connection closed', raw(''), /./],
]

/** @type {[string, Answer][]} */
const ENDLESS = [
  ['nothing', hostile.hanging],
  ['a body that comes a byte at a time', hostile.drippingBody],
  ['headers that come a byte at a time', hostile.drippingHeaders],
  ['interim answers without end', hostile.drippingInterim],
]

for (const [what, answer, cause] of OUTAGES) {
  test(`${what} is an outage, and no loss of good keys`, async (t) => {
    await isOutage(await startKeyServer(t, { keys: [KEY] }), answer, cause, { jwksTimeoutMs: 30_000 })
  })
}

for (const [what, answer] of ENDLESS) {
  test(`${what} is an outage as soon as the time-out is over, and no loss of good keys`, async (t) => {
    const began = Date.now()
    await isOutage(await startKeyServer(t, { keys: [KEY] }), answer, /time-out$/, { jwksTimeoutMs: 300 })
    // Three waits of 300 ms; a connection of these ends only with its server.
    assert.ok(Date.now() - began < 3000, `${Date.now() - began} ms`)
  })
}

test('100 MB are not read: the connection ends after the first few', async (t) => {
  const server = await startKeyServer(t, { keys: [KEY] })
  /** @type {Promise<number>[]} */
  const written = []
  /** @type {Answer} */
  const answer = (request, response) => {
    const { socket } = request
    written.push(once(response, 'close').then(() => socket.bytesWritten))
    hostile.flooding(request, response)
  }
  await isOutage(server, answer, /longer than 256 KiB$/, { jwksTimeoutMs: 30_000 })
  assert.equal(written.length, 3)
  // What the two ends of a local connection buffer is a few megabytes.
  for (const bytes of await Promise.all(written)) assert.ok(bytes < 16 * 1024 * 1024, String(bytes))
})

for (const status of [300, 301, 302, 303, 307, 308]) {
  test(`a ${status} to other keys is not followed`, async (t) => {
    const attacker = await startKeyServer(t)
    const server = await startKeyServer(t, { keys: [KEY] })
    const headers = { Location: attacker.jwksUri, Refresh: `0; url=${attacker.jwksUri}` }
    const body = JSON.stringify({ keys: [attacker.key.jwk] })
    await isOutage(server, text(status, body, headers), new RegExp(`answered ${status}$`), { jwksTimeoutMs: 30_000 })
    const verifier = createVerifier({ logtoUrl: server.logtoUrl, audience: AUDIENCE })
    await assert.rejects(verifier.verify(attacker.key.sign(server.issuer)), { name: 'AuthError' })
    assert.equal(attacker.requests.length, 0)
  })
}

test('a server that nobody runs is an outage', async (t) => {
  const server = await startKeyServer(t, { keys: [KEY] })
  server.close()
  const verifier = createVerifier({ logtoUrl: server.logtoUrl, audience: AUDIENCE })
  const error = await refusal(verifier.verify(KEY.sign(server.issuer)))
  assert.equal(error.code, 'jwks_unavailable')
  assert.match(String(error.cause), /refused/i)
})

test('a host that does not exist is an outage', async () => {
  const verifier = createVerifier({
    logtoUrl: 'https://auth.invalid',
    audience: AUDIENCE,
    jwksTimeoutMs: 2000,
  })
  const error = await refusal(verifier.verify(KEY.sign('https://auth.invalid/oidc')))
  assert.equal(error.code, 'jwks_unavailable')
  assert.ok(error.cause)
})

/** @type {[string, Answer][]} */
const GOOD = [
  ['as text/html', text(200, BODY, { 'Content-Type': 'text/html' })],
  ['as text/plain; charset=utf-16', text(200, BODY, { 'Content-Type': 'text/plain; charset=utf-16' })],
  ['without a content type', raw(`HTTP/1.1 200 OK\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`)],
  ['without a length', raw(`HTTP/1.1 200 OK\r\n\r\n${BODY}`)],
  ['in HTTP/1.0', raw(`HTTP/1.0 200 OK\r\n\r\n${BODY}`)],
  ['after interim answers', afterInterim(text(200, BODY))],
  ['in chunks of a byte', (_, response) => [...BODY].map((byte) => response.write(byte)) && response.end()],
  ['among white space', text(200, `\r\n\t ${BODY} \n`)],
  ['compressed', hostile.gzipped([KEY])],
  ['of 64 keys', keySet([...Array.from({ length: 63 }, () => createKey()), KEY])],
  ['with keys that cannot be used', text(200, JSON.stringify({ keys: [null, 7, { kty: 'oct' }, {}, KEY.jwk], x: 1 }))],
  ['just below 256 KiB', text(200, BODY.padEnd(256 * 1024))],
]

for (const [what, answer] of GOOD) {
  test(`a key set ${what} is read`, async (t) => {
    const server = await startKeyServer(t, { answer })
    const verifier = createVerifier({ logtoUrl: server.logtoUrl, audience: AUDIENCE })
    assert.equal((await verifier.verify(KEY.sign(server.issuer))).userId, 'alice')
  })
}

/**
 * 103, 103, and then that answer (RFC 8297).
 *
 * @param {Answer} answer
 * @returns {Answer}
 */
function afterInterim(answer) {
  return (request, response) => {
    for (let i = 0; i < 2; i += 1) response.writeEarlyHints({ link: '</style.css>; rel=preload' })
    answer(request, response)
  }
}

/**
 * That answer is an outage for a verifier without keys and for one that serves nothing stale, while the last good keys go on
 * serving where they may; and when it is over, it is over.
 *
 * @param {KeyServer} server
 * @param {Answer} answer
 * @param {RegExp} cause
 * @param {{ jwksTimeoutMs: number }} more
 */
async function isOutage(server, answer, cause, more) {
  const options = { logtoUrl: server.logtoUrl, audience: AUDIENCE, jwksCacheTtlMs: 0, jwksCooldownMs: 0, ...more }
  const serving = createVerifier(options)
  const strict = createVerifier({ ...options, jwksMaxStaleMs: 0 })
  const patient = createVerifier({ ...options, jwksTimeoutMs: 30_000 })
  const good = keySet([KEY])
  const token = () => KEY.sign(server.issuer)

  server.answer = answer
  const refused = [await refusal(serving.verify(token()))]
  server.answer = good
  assert.equal((await patient.verify(token())).userId, 'alice')
  server.answer = answer
  assert.equal((await serving.verify(token())).userId, 'alice')
  assert.match(String(serving.stats().jwks.lastError), cause)
  refused.push(await refusal(strict.verify(token())))
  for (const error of refused) {
    assert.deepEqual([error.code, error.status], ['jwks_unavailable', 503])
    assert.match(String(error.cause), cause)
    assert.ok(Number(error.headers['Retry-After']) >= 1)
  }
  server.answer = good
  assert.equal((await patient.verify(token())).userId, 'alice')
  const { fetches, failures, lastError } = patient.stats().jwks
  assert.deepEqual({ fetches, failures, lastError }, { fetches: 5, failures: 3, lastError: null })
  assert.equal(server.requests.length, 5)
}

/**
 * @param {Promise<unknown>} promise
 * @returns {Promise<import('logto-authkit').AuthError>}
 */
async function refusal(promise) {
  return promise.then(
    () => assert.fail('it did not fail'),
    (error) => error,
  )
}
