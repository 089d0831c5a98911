/** A wall clock that jumps, under load: in a process of its own, whose clock is made to. */

const { spawnSync } = require('node:child_process')
const { mkdtempSync, rmSync, writeFileSync } = require('node:fs')
const { tmpdir } = require('node:os')
const { join } = require('node:path')
const { setTimeout: pause } = require('node:timers/promises')
const { createVerifier } = require('logto-authkit')
const { inChild } = require('../support/child')
const { keySet, startKeyServer, text } = require('../support/key-server')
const { AUDIENCE, createKey } = require('../support/keys')
const { asking, startLoad, total } = require('./load')

/** @type {import('./run').Scenario} */
async function jumps({ t, report }) {
  const folder = mkdtempSync(join(tmpdir(), 'logto-authkit-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const [library, file] = [join(folder, 'clock.so'), join(folder, 'ahead')]
  const arguments_ = ['-shared', '-fPIC', '-O1', '-o', library, join(__dirname, 'clock.c')]
  if (process.platform !== 'linux' || spawnSync('cc', arguments_).status !== 0) {
    report.leaveOut('a clock that jumps: it takes Linux and a C compiler')
    return
  }
  writeFileSync(file, Buffer.alloc(8))
  const env = { LD_PRELOAD: library, CHAOS_CLOCK: file }
  const { code, signal, stdout, stderr } = await inChild(
    ({ script, file }) => require(script).jump(file),
    { script: __filename, file },
    env,
  )
  report.must(code === 0, `the process whose clock jumps ended with ${code ?? signal}: ${stderr}`)
  if (code !== 0) return
  for (const row of JSON.parse(stdout)) report.row(row)
  report.faults(4)
}

/**
 * Tokens of a day are good all along; those of an hour are not, two hours on.
 *
 * @param {string} file
 */
async function jump(file) {
  const HOUR = 3600
  const seconds = Buffer.alloc(8)
  const set = (/** @type {number} */ ahead) => {
    seconds.writeBigInt64LE(BigInt(ahead))
    writeFileSync(file, seconds, { flag: 'r+' })
  }
  const start = Date.now()
  const key = createKey()
  const server = await startKeyServer({ after() {} }, { keys: [key] })
  const { issuer, logtoUrl } = server
  // A TTL of five minutes and an hour of grace in an outage, as by default.
  const ask = asking(createVerifier({ logtoUrl, audience: AUDIENCE, jwksCooldownMs: 300 }))
  const load = startLoad(ask, { concurrency: 32 })
  const long = () => key.sign(issuer, { claims: { exp: Math.floor(start / 1000) + 24 * HOUR } })
  await load.use(Array.from({ length: 100 }, () => ({ token: long(), expected: ['accepted'] })))
  await pause(200)

  /** @type {object[]} */
  const rows = []
  const step = async (
    /** @type {string} */ name,
    /** @type {number} */ ahead,
    /** @type {[string, string[]][]} */ questions,
    /** @type {string} */ seen,
  ) => {
    await load.phase()
    const before = server.requests.length
    set(ahead)
    const found = await Promise.all(questions.map(async ([token, right]) => [right, await ask(token)]))
    await pause(400)
    const figures = await load.phase()
    const wrong = found.filter(([right, code]) => !right.includes(String(code)))
    const badAccepted = wrong.filter(([, code]) => code === 'accepted').length
    figures.tried += questions.length
    figures.badAccepted += badAccepted
    const lost = total(figures.refused) + total(figures.wrong) + wrong.length - badAccepted
    const { slowestMs } = figures
    const asks = server.requests.length - before
    // One, because the set has aged or the server is down; and one more a cool-down.
    const most = 2 + Math.floor((figures.seconds * 1000) / 300)
    rows.push({ name, atHand: 'a good set', figures, seen, lost, slowestMs, longestMs: 2000, asks, most })
  }
  const short = Array.from({ length: 100 }, () => key.sign(issuer))
  const as = (/** @type {string[]} */ tokens, /** @type {string} */ code) =>
    tokens.map((token) => /** @type {[string, string[]]} */ ([token, [code]]))
  for (const token of short) await ask(token)

  await step('a clock that jumps 2 hours ahead', 2 * HOUR, as(short, 'token_expired'), 'token_expired, and it is')
  await step('and back again', 0, as(short, 'accepted'), 'what they would see without')
  await step('a day back', -24 * HOUR, as([long()], 'accepted'), 'what they would see without')
  set(0)
  await pause(400)
  await ask(long())
  server.answer = text(500)
  await step('an hour ahead, in an outage', HOUR, as([long()], 'accepted'), 'what they would see without')

  await load.stop()
  server.answer = keySet([key])
  server.close()
  console.log(JSON.stringify(rows))
}

module.exports = { jump, jumps }
