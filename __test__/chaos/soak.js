/**
 * A server at full load for as long as one likes, while keys rotate, the key server fails in every way, worker threads come
 * and go, other processes exit in mid-fetch and clients hang up. Then: nothing refused that is good, memory as it was, and
 * nothing left that keeps the process alive.
 *
 *     npm run test:soak -- --minutes 15
 */

const { fork } = require('node:child_process')
const { once } = require('node:events')
const http = require('node:http')
const { connect } = require('node:net')
const { join } = require('node:path')
const { setTimeout: pause } = require('node:timers/promises')
const { parseArgs } = require('node:util')
const { inChild } = require('../support/child')
const { hanging, keySet, startKeyServer } = require('../support/key-server')
const { AUDIENCE, createKey } = require('../support/keys')
const { FAULTS } = require('./faults')
const { bad, good, mixed, startLoad, sum, total } = require('./load')
const { printTable } = require('./table')

/** Of the soaked process; short, so that much happens. */
const TIMES = { jwksCacheTtlMs: 2000, jwksCooldownMs: 1000, jwksTimeoutMs: 500 }

/** A new key is found after cool-down and time-out at most; the rest is for a busy machine. */
const GRACE_MS = TIMES.jwksCooldownMs + TIMES.jwksTimeoutMs + 1000

/** MiB that memory may drift by after the first fifth of the time. */
const DRIFT = 5

const ENDS = /** @type {const} */ ([null, 'exits', 'fails', 'is terminated'])

/** @param {number} minutes */
async function soak(minutes) {
  /** @type {(() => unknown)[]} */
  const closing = []
  const t = { after: (/** @type {() => unknown} */ close) => closing.push(close) }
  const [first, hung] = [createKey({ alg: 'ES384' }), await startKeyServer(t, { answer: hanging })]
  const server = await startKeyServer(t, { keys: [first] })
  const options = { logtoUrl: server.logtoUrl, audience: AUDIENCE, tokenCacheSize: 300, ...TIMES }
  const soaked = await startSoaked(options)
  const agent = new http.Agent({ keepAlive: true })
  const load = startLoad((token) => askOverHttp(soaked.port, agent, token), { concurrency: 8 })
  const figures = {
    rotations: 0,
    faults: 0,
    workers: 0,
    exits: 0,
    disconnects: 0,
    failures: /** @type {string[]} */ ([]),
  }
  let key = first

  const rotate = async () => {
    const next = createKey({ alg: figures.rotations % 2 === 0 ? 'ES256' : 'ES384' })
    server.answer = keySet([next, key])
    await use(next)
    // Nothing of the former key is under way any more.
    server.answer = keySet([next])
    key = next
    figures.rotations += 1
  }
  const phases = [load.current()]
  const use = async (/** @type {import('../support/keys').Key} */ key) => {
    const questions = mixed(good(key, server.issuer, 400), bad(key, server.issuer))
    const ended = load.phase(GRACE_MS)
    await Promise.all([load.use(questions), soaked.use(questions, GRACE_MS)])
    phases.push(await ended)
    if (phases.length > 100) phases.splice(0, phases.length, sum(phases))
  }
  const inWorker = async (/** @type {typeof ENDS[number]} */ end) => {
    const { logtoUrl, audience } = options
    const failure = await soaked.work({ ...TIMES, logtoUrl, audience, token: key.sign(server.issuer) }, end)
    figures.workers += 1
    if (failure !== null) figures.failures.push(`a worker that ${end}: ${failure}`)
  }
  const exitInFetch = async () => {
    const token = key.sign(hung.issuer)
    const { code, signal, stderr } = await inChild(exitWhileItFetches, {
      logtoUrl: hung.logtoUrl,
      audience: AUDIENCE,
      token,
    })
    figures.exits += 1
    if (code !== 7) figures.failures.push(`process.exit(7) in mid-fetch gave ${code ?? signal}: ${stderr}`)
  }
  const disconnect = async () => {
    const [token] = Math.random() < 0.5 ? [key.sign(server.issuer)] : [bad(key, server.issuer).at(-1)?.token]
    await hangUp(soaked.port, String(token))
    figures.disconnects += 1
  }

  const until = Date.now() + minutes * 60_000
  const isOver = () => Date.now() > until
  await use(key)
  const disconnecting = (async () => {
    while (!isOver()) await Promise.all([disconnect(), pause(20)])
  })()
  for (let cycle = 0; !isOver(); cycle += 1) {
    const [, answer] = FAULTS[cycle % FAULTS.length]
    await pause(GRACE_MS)
    await inWorker(ENDS[cycle % ENDS.length])
    server.answer = answer({ keys: [key], healthy: keySet([key]) })
    figures.faults += 1
    await Promise.all([pause(2500), exitInFetch(), inWorker(ENDS[(cycle + 1) % ENDS.length])])
    server.answer = keySet([key])
    // The fault is over for whoever asks after a cool-down.
    await pause(GRACE_MS)
    await rotate()
  }
  await disconnecting
  await load.stop()
  phases.push(load.current())
  agent.destroy()
  const end = await soaked.end()
  for (const close of closing) close()
  return { ...figures, http: sum(phases), ...end }
}

/** @param {{ logtoUrl: string, audience: string, token: string }} task */
function exitWhileItFetches({ token, ...options }) {
  const { verifyLogtoToken } = require('logto-authkit')
  for (let i = 0; i < 10; i += 1) verifyLogtoToken(token, options)
  setTimeout(() => process.exit(7), 20)
}

/**
 * The process that is looked at.
 *
 * @param {import('logto-authkit').VerifyAuthOptions} options
 */
async function startSoaked(options) {
  const child = fork(join(__dirname, 'soaked.js'), [JSON.stringify(options)], {
    execArgv: ['--expose-gc'],
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  })
  let stdout = ''
  child.stdout?.setEncoding('utf8').on('data', (text) => {
    stdout += text
  })
  const exited = once(child, 'exit')
  exited.then(([code, signal]) => {
    if (child.connected || stdout === '') throw new Error(`the soaked process died: ${code ?? signal}`)
  })
  let calls = 0
  /** @type {(what: object) => Promise<any>} */
  const call = (what) => {
    const id = ++calls
    child.send({ id, ...what })
    return new Promise((resolve) => {
      const listener = (/** @type {any} */ message) => {
        if (message.id !== id) return
        child.off('message', listener)
        resolve(message.answer)
      }
      child.on('message', listener)
    })
  }
  const port = await call({ listen: true })
  return {
    port: /** @type {number} */ (port),
    /** @type {(questions: import('./load').Question[], graceMs: number) => Promise<void>} */
    use: (questions, graceMs) => call({ use: questions, graceMs }),
    /** @type {(task: import('../support/worker').Task, end: typeof ENDS[number]) => Promise<string | null>} */
    work: (task, end) => call({ work: task, end }),
    /** Figures, memory over time, and what is left when it has nothing more to do. */
    async end() {
      const { figures, samples } = await call({ end: true })
      const before = Date.now()
      const late = setTimeout(() => child.kill('SIGKILL'), 10_000)
      const [code, signal] = await exited
      clearTimeout(late)
      return {
        direct: /** @type {import('./load').Figures} */ (figures),
        samples: /** @type {number[]} */ (samples),
        exit: code ?? signal,
        exitMs: Date.now() - before,
        left: /** @type {string[]} */ (code === 0 ? JSON.parse(stdout) : ['unknown']),
      }
    },
  }
}

/**
 * @param {number} port
 * @param {http.Agent} agent
 * @param {string} token
 * @returns {Promise<string>}
 */
function askOverHttp(port, agent, token) {
  return new Promise((resolve, reject) => {
    const request = http.get({ port, agent, headers: { authorization: `Bearer ${token}` } }, (response) => {
      response.resume().once('end', () => resolve(String(response.headers['x-verdict'])))
    })
    request.once('error', reject)
  })
}

/**
 * Sends a request, and hangs up before there can be, or while there is, an answer.
 *
 * @param {number} port
 * @param {string} token
 */
async function hangUp(port, token) {
  const socket = connect(port, '127.0.0.1').on('error', () => {})
  socket.write(`GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\n\r\n`)
  await once(socket, 'connect')
  await pause(Math.random() * 4)
  if (Math.random() < 0.5) socket.resetAndDestroy()
  else socket.destroy()
}

/** @param {number[]} values */
const median = (values) => [...values].sort((one, other) => one - other)[Math.floor(values.length / 2)]

async function main() {
  const { values } = parseArgs({ options: { minutes: { type: 'string', default: '15' } } })
  const minutes = Number(values.minutes)
  if (!(minutes > 0)) throw new TypeError('--minutes takes a number above zero')
  const { direct, http: overHttp, samples, failures, exit, exitMs, left, ...counts } = await soak(minutes)

  const steady = samples.slice(Math.ceil(samples.length / 5))
  const third = Math.ceil(steady.length / 3)
  const [before, after] = [median(steady.slice(0, third)), median(steady.slice(-third))]
  const drift = after - before
  const all = sum([direct, overHttp])
  const lost = { ...all.refused }
  printTable([
    ['minutes', minutes],
    ['verifications', all.tried],
    ['a second, 64 at a time', Math.round(direct.tried / (minutes * 60))],
    ['of them over HTTP', overHttp.tried],
    ['clients that hung up', counts.disconnects],
    ['rotations', counts.rotations],
    ['faults of the key server', counts.faults],
    ['worker threads that came and went', counts.workers],
    ['processes that exited in mid-fetch', counts.exits],
    ['good tokens refused', total(lost)],
    [`of a new key, in its first ${GRACE_MS / 1000} s`, all.excused],
    ['bad tokens accepted', all.badAccepted],
    ['bad tokens refused for a wrong reason', total(all.wrong)],
    ['other failures', failures.length],
    ['memory at the beginning, MiB', before.toFixed(1)],
    ['memory at the end, MiB', after.toFixed(1)],
    ['drift, MiB', drift.toFixed(1)],
    ['handles left at the end', left.length],
    ['exit code, and how long it took, ms', `${exit}, ${exitMs}`],
  ])
  console.log(`memory, MiB: ${samples.map((mebibytes) => mebibytes.toFixed(1)).join(' ')}`)
  const wrong = [
    total(lost) > 0 && `good tokens were refused: ${JSON.stringify(lost)}`,
    all.badAccepted > 0 && 'bad tokens were accepted',
    total(all.wrong) > 0 && `wrong reasons: ${JSON.stringify(all.wrong)}`,
    ...failures,
    // One minute has no time to warm up.
    minutes >= 10 && drift >= DRIFT && `memory drifted by ${drift.toFixed(1)} MiB`,
    left.length > 0 && `left at the end: ${left}`,
    exit !== 0 && `the process ended with ${exit}`,
    exitMs >= 2000 && 'the process lingered',
  ].filter((fault) => fault !== false)
  for (const fault of wrong) console.error(`FAILED: ${fault}`)
  process.exitCode = wrong.length > 0 ? 1 : 0
}

main()
