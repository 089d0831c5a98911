/**
 * An application instance that `revocation.js` starts. It verifies revoked tokens until it rejects them, and then
 * continues to verify some of them. The parent process decides whether the rejections were in time.
 */

const { createVerifier } = require('logto-authkit')
const { createRevocations, redisStore } = require('logto-authkit/revocation')
const { verdict } = require('../support/helpers')

/**
 * @typedef {{ token: string, revokedAt: number }} Watched - `revokedAt` is when the revocation was acknowledged.
 * @typedef {{ revokedAt: number, lastAccepted: number, rejectedAt: number }} Seen - Unix times in milliseconds.
 *   `lastAccepted` is 0 if the token was rejected at once.
 */

const EVERY_MS = 5
/** A longer pause of this process is reported, because the process cannot notice a rejection during the pause. */
const STALL_MS = 250
/** How many rejected tokens the instance continues to verify. */
const KEPT = 200

const { port, library, control, refuses, maxLagMs, options } = JSON.parse(process.argv[2])
const client =
  library === 'ioredis'
    ? new (require('ioredis').Redis)(port, { lazyConnect: true })
    : require('redis').createClient({ url: `redis://127.0.0.1:${port}` })
client.on('error', () => {})
const policy = refuses ? /** @type {const} */ ({ whenUnavailable: 'refuse', maxLagMs }) : {}
const revocations = createRevocations({ store: redisStore(client), ...policy })
// The key server shares its process with the load, which may keep it busy for seconds.
const verifier = createVerifier({ ...options, jwksTimeoutMs: 60_000, revocations })
// The outages are intended.
process.emitWarning = () => {}

/** @type {(Watched & { lastAccepted: number })[]} */
let watched = []
/** @type {string[]} */
const rejected = []
const send = (message) => void process.send?.(message)

process.on('message', (/** @type {any} */ message) => {
  if (message === 'stats')
    send({ stats: { ...revocations.stats(), pending: watched.length, memory: process.memoryUsage().rss } })
  else watched.push({ ...message, lastAccepted: 0 })
})
process.on('disconnect', () => process.exit())

async function look() {
  const former = watched
  watched = []
  for (const token of former) {
    const code = await verdict(verifier.verify(token.token))
    if (code === 'accepted') token.lastAccepted = Date.now()
    if (code === 'token_revoked') {
      const { revokedAt, lastAccepted } = token
      send({ seen: { revokedAt, lastAccepted, rejectedAt: Date.now() } })
      rejected[Math.floor(Math.random() * KEPT)] = token.token
    } else watched.push(token)
  }
  const again = rejected[Math.floor(Math.random() * KEPT)]
  if (again !== undefined) {
    const code = await verdict(verifier.verify(again))
    if (code !== 'token_revoked' && code !== 'revocations_unavailable')
      send({ broken: `a rejected token is ${code} later` })
  }
  const code = await verdict(verifier.verify(control))
  if (code !== 'accepted' && !(refuses && code === 'revocations_unavailable'))
    send({ broken: `a valid token is ${code}` })
}

async function main() {
  await Promise.all([verifier.prefetch(), revocations.ready()])
  send({ ready: revocations.stats() })
  let last = Date.now()
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS))
    if (Date.now() - last > STALL_MS) send({ stall: { start: last, end: Date.now() } })
    last = Date.now()
    await look()
  }
}

main()
