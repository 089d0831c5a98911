/** Short failures without usable keys, process freezes, slow connections, and rotations during a flood of key ids. */

const { spawn } = require('node:child_process')
const { once } = require('node:events')
const net = require('node:net')
const { setTimeout: pause } = require('node:timers/promises')
const { createVerifier } = require('logto-authkit')
const { hanging, keySet, resetting, startKeyServer } = require('../support/key-server')
const { verdict } = require('../support/helpers')
const { AUDIENCE, createKey } = require('../support/tokens')
const { asking, good, startLoad, total } = require('./load')

/** @type {import('./run').Scenario} */
async function recovery({ t, report }) {
  // Neither the servers nor pending verifications keep the process alive.
  const alive = setInterval(() => {}, 1000)
  t.after(() => clearInterval(alive))
  for (const part of [firstReset, downAtStart, unresolvable, staleOutage, slowAccept, threeRotations, freeze]) {
    await part({ t, report })
  }
}

/**
 * @param {import('./run').Report} report
 * @param {string} name
 * @param {{ figures: import('./load').Figures, requests: number, maxRequests: number, maxMs: number, callersSee?: string, allowed?: string[] }} row
 */
function addRow(report, name, { figures, requests, maxRequests, maxMs, callersSee = 'no difference', allowed = [] }) {
  const rejected = Object.entries({ ...figures.rejected, ...figures.wrong })
  const lost = total(Object.fromEntries(rejected.filter(([code]) => !allowed.includes(code))))
  const { slowestMs } = figures
  report.row({ name, cachedKeys: 'no', figures, callersSee, lost, slowestMs, maxMs, requests, maxRequests })
  report.faults(1)
}

/** The server resets the first connection. */
async function firstReset({ t, report }) {
  const server = await startKeyServer(t)
  server.answer = (request, response) => {
    server.answer = keySet([server.key])
    resetting(request, response)
  }
  const ask = asking(createVerifier(server.options))
  const verdicts = await Promise.all(good(server.key, server.issuer, 100).map(({ token }) => ask(token)))
  report.must(
    verdicts.every((code) => code === 'accepted'),
    `first connection reset: ${verdicts}`,
  )
  report.must(server.requests.length <= 3, `first connection reset: ${server.requests.length} requests`)
  report.faults(1)
}

/** The server is down for the first 3 seconds. */
async function downAtStart({ t, report }) {
  const server = await startKeyServer(t, { answer: resetting })
  server.answer = resetting
  const load = startLoad(asking(createVerifier(server.options)), { concurrency: 16 })
  await load.use(good(server.key, server.issuer, 100))
  await pause(3000)
  server.answer = keySet([server.key])
  const during = await load.phase(1000)
  await pause(7000)
  await load.stop()
  const figures = load.current()
  addRow(report, 'down for the first 3 s, then available', {
    ...{ figures, requests: server.requests.length, maxRequests: 8, maxMs: 2000 },
    callersSee: '503 for at most 1 s more',
  })
  report.must(during.good > 0, 'down at start: no verification')
}

/** The hostname cannot be resolved at the start. */
async function unresolvable({ report }) {
  // Plain http, which does not use the proxy of the other scenarios.
  const verifier = createVerifier({ logtoUrl: 'http://auth.invalid', audience: AUDIENCE, jwksTimeoutMs: 2000 })
  const error = await verifier.prefetch().catch((error) => error)
  report.must(error?.code === 'jwks_unavailable', `unresolvable hostname: ${error}`)
  report.must(/^(ENOTFOUND|EAI_AGAIN|ETIMEDOUT)$/.test(error?.cause?.code), `unresolvable: ${error?.cause?.code}`)
  report.faults(1)
}

/** An outage of 12 seconds with a TTL of 1 second, in which the server hangs. */
async function staleOutage({ t, report }) {
  const server = await startKeyServer(t)
  const verifier = createVerifier({
    ...server.options,
    jwksCacheTtlMs: 1000,
    jwksCooldownMs: 2000,
    jwksTimeoutMs: 3000,
  })
  await verifier.prefetch()
  const load = startLoad(asking(verifier), { concurrency: 4 })
  await load.use(good(server.key, server.issuer, 200))
  server.answer = hanging
  await pause(12_000)
  await load.stop()
  const figures = load.current()
  addRow(report, 'hangs while a stale key set is usable', {
    ...{ figures, requests: server.requests.length, maxRequests: 8, maxMs: 50 },
  })
}

/** The server accepts connections late, and reads requests later. */
async function slowAccept({ t, report }) {
  const server = await startKeyServer(t)
  const slow = net.createServer({ pauseOnConnect: true }, async (socket) => {
    await pause(700)
    const onward = net.connect(server.port, '127.0.0.1')
    socket.on('error', () => onward.destroy()).pipe(onward)
    onward.on('error', () => socket.destroy()).pipe(socket)
    socket.resume()
  })
  slow.listen(0, '127.0.0.1')
  await once(slow, 'listening')
  t.after(() => slow.close())
  const { port } = /** @type {net.AddressInfo} */ (slow.address())
  const jwksUri = server.jwksUri.replace(String(server.port), String(port))
  const ask = asking(createVerifier({ ...server.options, jwksUri }))
  const verdicts = await Promise.all(good(server.key, server.issuer, 100).map(({ token }) => ask(token)))
  report.must(
    verdicts.every((code) => code === 'accepted'),
    `slow accept: ${verdicts}`,
  )
  report.must(server.requests.length === 1, `slow accept: ${server.requests.length} requests`)
  report.faults(1)
}

/** Three rotations within 20 seconds, while made-up key ids use up the cooldown. No valid token may get 401. */
async function threeRotations({ t, report }) {
  const server = await startKeyServer(t)
  const verifier = createVerifier(server.options)
  await verifier.prefetch()
  let isOver = false
  const trickle = (async () => {
    while (!isOver) {
      await verdict(verifier.verify(server.key.sign(server.issuer, { header: { kid: `made-up-${Math.random()}` } })))
      await pause(50)
    }
  })()
  const keys = [server.key]
  const load = startLoad((token) => verdict(verifier.verify(token)), { concurrency: 16 })
  for (let rotation = 0; rotation < 3; rotation += 1) {
    keys.unshift(createKey())
    server.answer = keySet(keys)
    for (let second = 0; second < 6; second += 1) {
      await load.use(good(keys[0], server.issuer, 20))
      await pause(1000)
    }
  }
  isOver = true
  await trickle
  await load.stop()
  addRow(report, '3 rotations in 20 s while made-up key ids arrive (A14)', {
    ...{ figures: load.current(), requests: server.requests.length, maxRequests: 4, maxMs: 1000 },
    ...{ callersSee: '503 for up to a cooldown, never 401', allowed: ['jwks_unavailable'] },
  })
}

/** The process is stopped during a refresh, and continues after the TTL and `jwksMaxStaleMs`. */
async function freeze({ t, report }) {
  if (process.platform === 'win32') return report.skip('freeze: needs SIGSTOP')
  const server = await startKeyServer(t)
  const times = { jwksCacheTtlMs: 500, jwksMaxStaleMs: 500, jwksTimeoutMs: 1000 }
  const child = spawn(process.execPath, ['-e', `(${frozen})(${JSON.stringify({ ...server.options, ...times })})`], {
    cwd: __dirname,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  t.after(() => child.kill('SIGKILL'))
  const ask = async () => {
    child.send(server.key.sign(server.issuer))
    return (await once(child, 'message'))[0]
  }
  await once(child, 'message')
  report.must((await ask()) === 'accepted', 'freeze: the first token was rejected')
  server.answer = hanging
  await pause(450)
  await ask()
  await server.requested(2)
  child.kill('SIGSTOP')
  server.answer = keySet([server.key])
  await pause(4000)
  child.kill('SIGCONT')
  const began = performance.now()
  const found = await ask()
  report.must(found === 'accepted', `freeze: ${found} after the process continued`)
  report.must(performance.now() - began < 1000, `freeze: ${performance.now() - began} ms`)
  report.must(server.requests.length <= 4, `freeze: ${server.requests.length} requests`)
  report.faults(1)
  child.disconnect()
}

/** Runs in the child process. @param {import('logto-authkit').VerifyAuthOptions} options */
function frozen(options) {
  const verifier = require('logto-authkit').createVerifier(options)
  process.on('message', (token) =>
    verifier.verify(String(token)).then(
      () => process.send?.('accepted'),
      (error) => process.send?.(error.code),
    ),
  )
  process.send?.('ready')
}

module.exports = { recovery }
