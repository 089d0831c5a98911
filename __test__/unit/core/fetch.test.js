const assert = require('node:assert/strict')
const { once } = require('node:events')
const { test } = require('node:test')
const { gzipSync } = require('node:zlib')
const { createVerifier } = require('logto-authkit')
const hostile = require('../../support/key-server')
const { keySet, raw, startKeyServer, text } = hostile
const { rejection } = require('../../support/helpers')
const { AUDIENCE, createKey } = require('../../support/tokens')

/** @typedef {import('../../support/key-server').Answer} Answer */

const KEY = createKey()
const BODY = JSON.stringify({ keys: [KEY.jwk] })

/**
 * A response of every kind, the cause that operators see, and whether the connection fails, so that the first request is
 * retried.
 *
 * @type {[string, Answer, RegExp, boolean?][]}
 */
const OUTAGES = [
  ['an HTML page', text(200, '<!doctype html><title>Logto</title>', { 'Content-Type': 'text/html' }), /is not JSON$/],
  ['an empty body', text(200), /is not JSON$/],
  ['truncated JSON', text(200, BODY.slice(0, -9)), /is not JSON$/],
  ['a body with trailing characters', text(200, `${BODY}}`), /is not JSON$/],
  ['UTF-16', text(200, Buffer.from(BODY, 'utf16le')), /is not JSON$/],
  ['invalid UTF-8', text(200, Buffer.from(`{"keys":[],"x":"\xff"}`, 'latin1')), /is not JSON$/],
  ['JSON nested 100,000 deep', text(200, '['.repeat(100_000)), /is not JSON$/],
  ['invalid gzip', text(200, BODY, { 'Content-Encoding': 'gzip' }), /./],
  ['a content coding that was not requested', hostile.brotli([KEY]), /content encoding br, but only gzip/],
  [
    'an unknown content coding',
    text(200, BODY, { 'Content-Encoding': 'gzip, zstd' }),
    /content encoding gzip, zstd, but/,
  ],
  ['null', text(200, 'null'), /no array "keys"$/],
  ['an array', text(200, `[${BODY}]`), /no array "keys"$/],
  ['a single key', text(200, JSON.stringify(KEY.jwk)), /no array "keys"$/],
  ['keys that are an object', text(200, JSON.stringify({ keys: { [KEY.jwk.kid]: KEY.jwk } })), /no array "keys"$/],
  ['an API error', text(200, '{"code":"oidc.server_error","message":"Internal error"}'), /no array "keys"$/],
  ['no key', keySet([]), /no usable key among 0$/],
  ['no usable key', text(200, '{"keys":[null,1,{},{"kty":"oct","k":"c2VjcmV0"},{"kty":"EC"}]}'), /among 5$/],
  ['65 keys', text(200, JSON.stringify({ keys: Array(65).fill(KEY.jwk) })), /65 keys, more than 64$/],
  ['10,000 small keys', text(200, JSON.stringify({ keys: Array(10_000).fill({}) })), /10000 keys, more than 64$/],
  ['10,000 keys', text(200, JSON.stringify({ keys: Array(10_000).fill(KEY.jwk) })), /longer than 256 KiB$/],
  ['a gzip bomb of 64 MB', hostile.gzipBomb(64), /longer than 256 KiB$/],
  ['204', text(204), /responded with 204$/],
  ['206 with a good body', text(206, BODY), /responded with 206$/],
  ['304 without a conditional request', text(304), /responded with 304$/],
  ['401', text(401), /responded with 401$/],
  ['404 with a good body', text(404, BODY), /responded with 404$/],
  ['429', text(429, '', { 'Retry-After': '86400' }), /responded with 429$/],
  ['500', text(500), /responded with 500$/],
  [
    'a body shorter than its Content-Length',
    raw(`HTTP/1.1 200 OK\r\nContent-Length: ${BODY.length + 1}\r\n\r\n${BODY}`),
    /./,
    true,
  ],
  ['truncated chunks', raw(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfff\r\n${BODY}`), /./, true],
  [
    'a chunk size that overflows',
    raw('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n'),
    /./,
  ],
  ['something that is not HTTP', raw('SSH-2.0-OpenSSH_9.6\r\n'), /./],
  ['1,000 headers', raw(`HTTP/1.1 200 OK\r\n${'X: x\r\n'.repeat(1000)}\r\n${BODY}`), /./],
  ['a header of 1 MB', raw(`HTTP/1.1 200 OK\r\nX: ${'x'.repeat(1024 * 1024)}\r\n\r\n${BODY}`), /./],
  ['a connection reset', hostile.resetting, /./, true],
  ['a connection closed', raw(''), /./, true],
]

/** @type {[string, Answer][]} */
const ENDLESS = [
  ['no response', hostile.hanging],
  ['a body sent one byte at a time', hostile.drippingBody],
  ['headers sent one byte at a time', hostile.drippingHeaders],
  ['endless interim responses', hostile.drippingInterim],
]

for (const [what, answer, cause, isRetried] of OUTAGES) {
  test(`${what}: an outage that keeps the valid keys`, async (t) => {
    await isOutage(await startKeyServer(t, { keys: [KEY] }), answer, cause, { jwksTimeoutMs: 30_000 }, isRetried)
  })
}

for (const [what, answer] of ENDLESS) {
  test(`${what}: an outage after the timeout that keeps the valid keys`, async (t) => {
    const began = Date.now()
    await isOutage(await startKeyServer(t, { keys: [KEY] }), answer, /within the timeout$/, { jwksTimeoutMs: 100 })
    // Three waits of 100 ms. The server never closes these connections.
    assert.ok(Date.now() - began < 3000, `${Date.now() - began} ms`)
  })
}

test('an endless body is not read: the connection is closed after a few megabytes', async (t) => {
  const server = await startKeyServer(t, { keys: [KEY] })
  const written = []
  const answer = (request, response) => {
    const { socket } = request
    written.push(once(response, 'close').then(() => socket.bytesWritten))
    hostile.flooding(request, response)
  }
  await isOutage(server, answer, /longer than 256 KiB$/, { jwksTimeoutMs: 30_000 })
  assert.equal(written.length, 3)
  // Both ends of a local connection buffer a few megabytes.
  for (const bytes of await Promise.all(written)) assert.ok(bytes < 16 * 1024 * 1024, String(bytes))
})

for (const status of [300, 301, 302, 303, 307, 308]) {
  test(`a ${status} redirect to other keys is not followed`, async (t) => {
    const attacker = await startKeyServer(t)
    const server = await startKeyServer(t, { keys: [KEY] })
    const headers = { Location: attacker.jwksUri, Refresh: `0; url=${attacker.jwksUri}` }
    const body = JSON.stringify({ keys: [attacker.key.jwk] })
    const { origin } = new URL(attacker.jwksUri)
    const cause = new RegExp(`responded with ${status}, a redirect to ${origin}, which is not followed$`)
    await isOutage(server, text(status, body, headers), cause, { jwksTimeoutMs: 30_000 })
    const verifier = createVerifier(server.options)
    await assert.rejects(verifier.verify(attacker.key.sign(server.issuer)), { name: 'AuthError' })
    assert.equal(attacker.requests.length, 0)
  })
}

test('a refused connection is an outage', async (t) => {
  const server = await startKeyServer(t, { keys: [KEY] })
  server.close()
  const verifier = createVerifier(server.options)
  const error = await rejection(verifier.verify(KEY.sign(server.issuer)))
  assert.equal(error.code, 'jwks_unavailable')
  assert.match(String(error.cause), /refused/i)
  assert.equal(/** @type {any} */ (error.cause).code, 'ECONNREFUSED')
})

for (const [what, answer] of /** @type {[string, Answer][]} */ ([
  ['reset', hostile.resetting],
  ['closed', raw('')],
])) {
  test(`A12: the cause of a connection that was ${what} has the code ECONNRESET`, async (t) => {
    const server = await startKeyServer(t, { keys: [KEY], answer })
    const error = await rejection(createVerifier(server.options).verify(KEY.sign(server.issuer)))
    assert.equal(/** @type {any} */ (error.cause).code, 'ECONNRESET')
    assert.equal(error.message, 'Signing keys are unavailable, try again later')
  })
}

test('an unknown hostname is an outage', async () => {
  const verifier = createVerifier({ logtoUrl: 'https://auth.invalid', audience: AUDIENCE, jwksTimeoutMs: 2000 })
  const error = await rejection(verifier.verify(KEY.sign('https://auth.invalid/oidc')))
  assert.equal(error.code, 'jwks_unavailable')
  assert.match(/** @type {any} */ (error.cause).code, /^(ENOTFOUND|EAI_AGAIN)$/)
})

/** @type {[string, Answer][]} */
const GOOD = [
  ['as text/html', text(200, BODY, { 'Content-Type': 'text/html' })],
  ['as text/plain; charset=utf-16', text(200, BODY, { 'Content-Type': 'text/plain; charset=utf-16' })],
  ['without a content type', raw(`HTTP/1.1 200 OK\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`)],
  ['without a length', raw(`HTTP/1.1 200 OK\r\n\r\n${BODY}`)],
  ['in HTTP/1.0', raw(`HTTP/1.0 200 OK\r\n\r\n${BODY}`)],
  ['after interim responses', afterInterim(text(200, BODY))],
  ['in chunks of a byte', (_, response) => [...BODY].map((byte) => response.write(byte)) && response.end()],
  ['surrounded by white space', text(200, `\r\n\t ${BODY} \n`)],
  ['compressed', hostile.gzipped([KEY])],
  ['compressed, as GZIP (A13)', text(200, gzipSync(BODY), { 'Content-Encoding': 'GZIP' })],
  ['compressed, as x-gzip (A13)', text(200, gzipSync(BODY), { 'Content-Encoding': 'x-gzip' })],
  ['with a byte order mark (A13)', text(200, `\ufeff${BODY}`)],
  ['not encoded', text(200, BODY, { 'Content-Encoding': 'identity' })],
  ['with 64 keys', keySet([...Array.from({ length: 63 }, () => createKey()), KEY])],
  ['with some unusable keys', text(200, JSON.stringify({ keys: [null, 7, { kty: 'oct' }, {}, KEY.jwk], x: 1 }))],
  ['just below 256 KiB', text(200, BODY.padEnd(256 * 1024))],
]

for (const [what, answer] of GOOD) {
  test(`a key set is accepted ${what}`, async (t) => {
    const server = await startKeyServer(t, { answer })
    const verifier = createVerifier(server.options)
    assert.equal((await verifier.verify(KEY.sign(server.issuer))).userId, 'alice')
  })
}

/** Sends 103 twice (RFC 8297), then the response. */
function afterInterim(answer) {
  return (request, response) => {
    for (let i = 0; i < 2; i += 1) response.writeEarlyHints({ link: '</style.css>; rel=preload' })
    answer(request, response)
  }
}

/**
 * The response is an outage for a verifier without keys and for one that uses no stale keys. Other verifiers keep using
 * the valid keys, and the outage ends with the first valid response.
 */
async function isOutage(server, answer, cause, more, isRetried = false) {
  const options = { ...server.options, jwksCacheTtlMs: 0, jwksCooldownMs: 0, ...more }
  const serving = createVerifier(options)
  const strict = createVerifier({ ...options, jwksMaxStaleMs: 0 })
  const patient = createVerifier({ ...options, jwksTimeoutMs: 30_000 })
  const good = keySet([KEY])
  const token = () => KEY.sign(server.issuer)

  server.answer = answer
  const rejections = [await rejection(serving.verify(token()))]
  server.answer = good
  assert.equal((await patient.verify(token())).userId, 'alice')
  server.answer = answer
  assert.equal((await serving.verify(token())).userId, 'alice')
  assert.match(String(serving.stats().jwks.lastError), cause)
  rejections.push(await rejection(strict.verify(token())))
  for (const error of rejections) {
    assert.deepEqual([error.code, error.status], ['jwks_unavailable', 503])
    assert.match(String(error.cause), cause)
    assert.ok(Number(error.headers['Retry-After']) >= 1)
  }
  server.answer = good
  assert.equal((await patient.verify(token())).userId, 'alice')
  const { fetches, failures, lastError } = patient.stats().jwks
  const retries = isRetried ? 1 : 0
  assert.deepEqual({ fetches, failures, lastError }, { fetches: 5 + retries, failures: 3 + retries, lastError: null })
  assert.equal(server.requests.length, 5 + retries)
}
