/** Wall clock jumps under load, in a child process with a manipulated clock. */

const { spawnSync } = require('node:child_process')
const { writeFileSync } = require('node:fs')
const { join } = require('node:path')
const { setTimeout: pause } = require('node:timers/promises')
const { createVerifier } = require('logto-authkit')
const { inChild } = require('../support/child')
const { temporaryFolder } = require('../support/files')
const { keySet, startKeyServer, text } = require('../support/key-server')
const { AUDIENCE, createKey } = require('../support/tokens')
const { asking, startLoad, total } = require('./load')

async function jumps({ t, report }) {
  const { folder, save } = temporaryFolder(t)
  const library = join(folder, 'clock.so')
  const arguments_ = ['-shared', '-fPIC', '-O1', '-o', library, join(__dirname, 'clock.c')]
  if (process.platform !== 'linux' || spawnSync('cc', arguments_).status !== 0) {
    report.skip('clock jumps: they need Linux and a C compiler')
    return
  }
  const file = save('ahead', Buffer.alloc(8))
  const env = { LD_PRELOAD: library, CHAOS_CLOCK: file }
  const { code, signal, stdout, stderr } = await inChild(
    ({ script, file }) => require(script).jump(file),
    { script: __filename, file },
    env,
  )
  report.must(code === 0, `the process whose clock jumps exited with ${code ?? signal}: ${stderr}`)
  if (code !== 0) return
  for (const row of JSON.parse(stdout)) report.row(row)
  report.faults(4)
}

/** Tokens that are valid for a day must always verify. One-hour tokens must expire after a jump of two hours. */
async function jump(file) {
  const HOUR = 3600
  const seconds = Buffer.alloc(8)
  const set = (ahead) => {
    seconds.writeBigInt64LE(BigInt(ahead))
    writeFileSync(file, seconds, { flag: 'r+' })
  }
  const start = Date.now()
  const key = createKey()
  const server = await startKeyServer({ after() {} }, { keys: [key] })
  const { issuer, logtoUrl } = server
  // The default cache lifetimes: five minutes, and one hour during an outage.
  const ask = asking(createVerifier({ logtoUrl, audience: AUDIENCE, jwksCooldownMs: 300 }))
  const load = startLoad(ask, { concurrency: 32 })
  const long = () => key.sign(issuer, { claims: { exp: Math.floor(start / 1000) + 24 * HOUR } })
  await load.use(Array.from({ length: 100 }, () => ({ token: long(), expected: ['accepted'] })))
  await pause(200)

  const rows = []
  const step = async (
    /** @type {string} */ name,
    /** @type {number} */ ahead,
    /** @type {[string, string[]][]} */ questions,
    /** @type {string} */ callersSee,
  ) => {
    await load.phase()
    const before = server.requests.length
    set(ahead)
    const found = await Promise.all(questions.map(async ([token, right]) => [right, await ask(token)]))
    await pause(400)
    const figures = await load.phase()
    const wrong = found.filter(([right, code]) => !right.includes(String(code)))
    const invalidAccepted = wrong.filter(([, code]) => code === 'accepted').length
    figures.tried += questions.length
    figures.invalidAccepted += invalidAccepted
    const lost = total(figures.rejected) + total(figures.wrong) + wrong.length - invalidAccepted
    const { slowestMs } = figures
    const requests = server.requests.length - before
    // One request for the expired key set or the outage, and one more per cooldown.
    const maxRequests = 2 + Math.floor((figures.seconds * 1000) / 300)
    rows.push({ name, cachedKeys: 'yes', figures, callersSee, lost, slowestMs, maxMs: 2000, requests, maxRequests })
  }
  const short = Array.from({ length: 100 }, () => key.sign(issuer))
  const as = (tokens, code) => tokens.map((token) => /** @type {[string, string[]]} */ ([token, [code]]))
  for (const token of short) await ask(token)

  await step('the clock jumps 2 hours ahead', 2 * HOUR, as(short, 'token_expired'), 'token_expired, correctly')
  await step('the clock jumps back', 0, as(short, 'accepted'), 'no difference')
  await step('the clock jumps a day back', -24 * HOUR, as([long()], 'accepted'), 'no difference')
  set(0)
  await pause(400)
  await ask(long())
  server.answer = text(500)
  await step('an hour ahead, during an outage', HOUR, as([long()], 'accepted'), 'no difference')

  await load.stop()
  server.answer = keySet([key])
  server.close()
  console.log(JSON.stringify(rows))
}

module.exports = { jump, jumps }
