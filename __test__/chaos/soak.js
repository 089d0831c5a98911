/**
 * A server at full load for the given time, while keys rotate, the key server fails, worker threads start and end,
 * processes exit during a fetch, and clients disconnect. Afterwards, no valid token may have been rejected, memory must
 * not have grown, and nothing may keep the process alive.
 *
 *     npm run test:soak -- --minutes 15
 *     npm run test:soak -- --record         also writes the results to docs/security-runs.md
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
const { AUDIENCE, createKey } = require('../support/tokens')
const { FAULTS } = require('./faults')
const { bad, good, mixed, startLoad, sum, total } = require('./load')
const { printTable } = require('./table')
const { recordRun } = require('../../scripts/record-run')

/** Options of the server. Short times make more events fit into the run. */
const TIMES = { jwksCacheTtlMs: 2000, jwksCooldownMs: 1000, jwksTimeoutMs: 500 }

/** A new key is found within the cooldown plus the timeout. The extra second is for a busy machine. */
const GRACE_MS = TIMES.jwksCooldownMs + TIMES.jwksTimeoutMs + 1000

/** Maximum growth of memory usage after the first fifth of the run, in MiB. */
const MAX_DRIFT = 5

const ENDS = /** @type {const} */ ([null, 'exits', 'fails', 'is terminated'])

async function soak(minutes) {
  const closing = []
  const t = { after: (close) => closing.push(close) }
  const [first, hung] = [createKey('ES384'), await startKeyServer(t, { answer: hanging })]
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
    const next = createKey(figures.rotations % 2 === 0 ? 'ES256' : 'ES384')
    server.answer = keySet([next, key])
    await use(next)
    // No verification with the previous key is pending anymore.
    server.answer = keySet([next])
    key = next
    figures.rotations += 1
  }
  const phases = [load.current()]
  const use = async (key) => {
    const questions = mixed(good(key, server.issuer, 400), bad(key, server.issuer))
    const ended = load.phase(GRACE_MS)
    await Promise.all([load.use(questions), soaked.use(questions, GRACE_MS)])
    phases.push(await ended)
    if (phases.length > 100) phases.splice(0, phases.length, sum(phases))
  }
  const inWorker = async (end) => {
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
    if (code !== 7) figures.failures.push(`process.exit(7) during a fetch gave ${code ?? signal}: ${stderr}`)
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
    // Verifications recover after the cooldown.
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

function exitWhileItFetches(/** @type {any} */ { token, ...options }) {
  const { verifyLogtoToken } = require('logto-authkit')
  for (let i = 0; i < 10; i += 1) verifyLogtoToken(token, options)
  setTimeout(() => process.exit(7), 20)
}

/** Starts the server in a child process. */
async function startSoaked(options) {
  const child = fork(join(__dirname, 'soaked.js'), [JSON.stringify(options)], {
    execArgv: ['--expose-gc'],
    // Warnings about rejected tokens would hide the results.
    env: { ...process.env, NODE_NO_WARNINGS: '1' },
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  })
  let stdout = ''
  child.stdout?.setEncoding('utf8').on('data', (text) => {
    stdout += text
  })
  const exited = once(child, 'exit')
  exited.then(([code, signal]) => {
    if (child.connected || stdout === '') throw new Error(`the server process died: ${code ?? signal}`)
  })
  let calls = 0
  const call = (what) => {
    const id = ++calls
    child.send({ id, ...what })
    return new Promise((resolve) => {
      const listener = (message) => {
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
    /** Stops the server and returns its statistics, its memory over time, and the handles that remain. */
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

function askOverHttp(port, agent, token) {
  return new Promise((resolve, reject) => {
    const request = http.get({ port, agent, headers: { authorization: `Bearer ${token}` } }, (response) => {
      response.resume().once('end', () => resolve(String(response.headers['x-verdict'])))
    })
    request.once('error', reject)
  })
}

/** Sends a request and disconnects before or during the response. */
async function hangUp(port, token) {
  const socket = connect(port, '127.0.0.1').on('error', () => {})
  socket.write(`GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\n\r\n`)
  await once(socket, 'connect')
  await pause(Math.random() * 4)
  if (Math.random() < 0.5) socket.resetAndDestroy()
  else socket.destroy()
}

const median = (values) => [...values].sort((one, other) => one - other)[Math.floor(values.length / 2)]

async function main() {
  const { values } = parseArgs({
    options: { minutes: { type: 'string', default: '15' }, record: { type: 'boolean', default: false } },
  })
  const minutes = Number(values.minutes)
  if (!(minutes > 0)) throw new TypeError('--minutes must be a positive number')
  const { direct, http: overHttp, samples, failures, exit, exitMs, left, ...counts } = await soak(minutes)

  const steady = samples.slice(Math.ceil(samples.length / 5))
  const third = Math.ceil(steady.length / 3)
  const [before, after] = [median(steady.slice(0, third)), median(steady.slice(-third))]
  const drift = after - before
  const all = sum([direct, overHttp])
  const lost = { ...all.rejected }
  printTable([
    ['minutes', minutes],
    ['verifications', all.tried],
    ['per second, 64 concurrent', Math.round(direct.tried / (minutes * 60))],
    ['in addition, over HTTP', overHttp.tried],
    ['disconnected clients', counts.disconnects],
    ['rotations', counts.rotations],
    ['faults of the key server', counts.faults],
    ['worker threads', counts.workers],
    ['processes that exited during a fetch', counts.exits],
    ['valid tokens rejected', total(lost)],
    [`rejected in the first ${GRACE_MS / 1000} s of a new key`, all.excused],
    ['invalid tokens accepted', all.invalidAccepted],
    ['invalid tokens rejected with a wrong code', total(all.wrong)],
    ['other failures', failures.length],
    ['memory at the start, MiB', before.toFixed(1)],
    ['memory at the end, MiB', after.toFixed(1)],
    ['growth, MiB', drift.toFixed(1)],
    ['open handles at the end', left.length],
    ['exit code, and duration of the exit in ms', `${exit}, ${exitMs}`],
  ])
  console.log(`memory, MiB: ${samples.map((mebibytes) => mebibytes.toFixed(1)).join(' ')}`)
  const wrong = [
    total(lost) > 0 && `valid tokens were rejected: ${JSON.stringify(lost)}`,
    all.invalidAccepted > 0 && 'invalid tokens were accepted',
    total(all.wrong) > 0 && `wrong codes: ${JSON.stringify(all.wrong)}`,
    ...failures,
    // Memory usage takes some minutes to become steady.
    minutes >= 10 && drift >= MAX_DRIFT && `memory grew by ${drift.toFixed(1)} MiB`,
    left.length > 0 && `open handles at the end: ${left}`,
    exit !== 0 && `the process exited with ${exit}`,
    exitMs >= 4500 && 'the process exited late',
  ].filter(Boolean)
  for (const fault of wrong) console.error(`FAILED: ${fault}`)
  if (values.record) {
    const figure = (value) => value.toLocaleString('en')
    const happened = [
      `${figure(counts.rotations)} rotations`,
      `${figure(counts.faults)} faults of the key server`,
      `${figure(counts.workers)} worker threads`,
      `${figure(counts.exits)} processes that exit during a fetch`,
      `${figure(counts.disconnects)} aborted connections`,
    ]
    recordRun({
      name: 'Soak',
      command: `npm run test:soak -- --minutes ${minutes}`,
      result: `${wrong.length > 0 ? 'FAILED: ' : ''}${figure(all.tried)} verifications in ${minutes} minutes, with ${happened.join(', ')}; valid tokens rejected: ${figure(total(lost))} (and ${figure(all.excused)} in the first ${GRACE_MS / 1000} s of a new key, while made-up key ids used up its cooldown); invalid tokens accepted: ${figure(all.invalidAccepted)}; memory ${before.toFixed(1)} MiB, at the end ${after.toFixed(1)}; open handles: ${left.length}`,
    })
  }
  process.exitCode = wrong.length > 0 ? 1 : 0
}

main()
