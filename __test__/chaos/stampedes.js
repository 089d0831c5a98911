/** Many concurrent verifications without cached keys, in threads, which share a key set, and in processes, which do not. */

const { once } = require('node:events')
const { join } = require('node:path')
const { setTimeout: pause } = require('node:timers/promises')
const { Worker } = require('node:worker_threads')
const { keySet, startKeyServer, text } = require('../support/key-server')
const { AUDIENCE, createKey } = require('../support/tokens')
const { MAX_WAIT_MS } = require('./outages')

/** The declarations of `node:cluster` cover only imports in ES modules. @type {import('node:cluster').Cluster} */
const cluster = /** @type {any} */ (require('node:cluster'))

const CROWD = 4
// More concurrent verifications would be rejected as overloaded on slow machines.
const EACH = 500
const SCRIPT = join(__dirname, 'crowd.js')

async function stampedes({ t, report }) {
  const key = createKey('ES384')
  cluster.setupPrimary({ exec: SCRIPT })
  for (const [where, start, maxRequests] of /** @type {[string, () => Member, number][]} */ ([
    ['4 worker threads', inThread, 1],
    ['4 cluster processes', inProcess, CROWD],
  ])) {
    for (const [how, outage] of /** @type {const} */ ([
      ['', false],
      [', during an outage', true],
    ])) {
      // The response is slow, so that all verifications have started before it arrives.
      const answer = outage ? text(500) : keySet([key])
      const server = await startKeyServer(t, {
        keys: [key],
        answer: (request, response) => pause(500).then(() => answer(request, response)),
      })
      const tokens = Array.from({ length: EACH }, () => key.sign(server.issuer))
      const members = Array.from({ length: CROWD }, start)
      await Promise.all(members.map(({ ready }) => ready))
      const began = performance.now()
      const task = { options: { logtoUrl: server.logtoUrl, audience: AUDIENCE }, tokens }
      const answers = await Promise.all(members.map(({ ask }) => ask(task)))
      const ms = performance.now() - began
      const right = outage ? 'jwks_unavailable' : 'accepted'
      const wrong = answers.map(({ verdicts }) => EACH - (verdicts[right] ?? 0)).reduce((sum, count) => sum + count)
      report.row({
        name: `${CROWD * EACH} concurrent verifications in ${where}${how}`,
        cachedKeys: 'no',
        figures: { tried: CROWD * EACH, invalidAccepted: 0, good: outage ? 0 : CROWD * EACH },
        callersSee: outage ? '503' : 'accepted',
        lost: wrong,
        slowestMs: ms,
        // With few cores, the processes take a while to start.
        maxMs: MAX_WAIT_MS + 10_000,
        requests: server.requests.length,
        maxRequests,
      })
    }
  }
}

/** @typedef {{ ready: Promise<any>, ask: (task: object) => Promise<{ verdicts: Record<string, number> }> }} Member */

/** @type {(worker: any, send: 'postMessage' | 'send') => Member} */
function member(worker, send) {
  const next = () => once(worker, 'message').then(([message]) => message)
  const ask = (task) => {
    worker[send](task)
    return next()
  }
  return { ready: next(), ask }
}

const inThread = () => member(new Worker(SCRIPT), 'postMessage')

const inProcess = () => member(cluster.fork(), 'send')

module.exports = { stampedes }
