/** Sends requests at a fixed rate. Opens another connection if all others are waiting for a response. */

const { Agent, get } = require('node:http')
const { monitorEventLoopDelay } = require('node:perf_hooks')

const TIMEOUT_MS = 10_000

/**
 * @typedef {{ at: number, status: number | null, ms: number }} Sample - `at` is the Unix time in milliseconds at which
 * the request started, and `status` is `null` if no response arrived.
 * @typedef {{ name: string, tokens: string[], rate: number }} Stream - Sends `rate` requests per second, each with the
 * next token.
 */

/**
 * @param {{ url: string, streams: Stream[], seconds: number }} options
 * @returns {Promise<{ samples: Record<string, Sample[]>, loopDelay: { p99: number, max: number } }>} `loopDelay`
 * is the event-loop delay of the client process, which every sample includes.
 */
async function send({ url, streams, seconds }) {
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  const agent = new Agent({ keepAlive: true })
  const samples = await Promise.all(
    streams.map(({ tokens, rate }) => {
      /** @type {Promise<Sample>[]} */
      const pending = []
      const start = performance.now()
      let skipped = 0
      return /** @type {Promise<Sample[]>} */ (
        new Promise((resolve) => {
          const timer = setInterval(() => {
            const elapsed = performance.now() - start
            const due = Math.floor((elapsed / 1000) * rate) - pending.length - skipped
            // If the process was not scheduled for a while, the requests due in the meantime are not sent in a burst.
            const count = Math.min(due, Math.ceil(rate / 20))
            skipped += due - count
            for (let i = 0; i < count; i += 1) pending.push(ask(url, agent, tokens[pending.length % tokens.length]))
            if (elapsed < seconds * 1000) return
            clearInterval(timer)
            resolve(Promise.all(pending))
          }, 2)
        })
      )
    }),
  )
  agent.destroy()
  delay.disable()
  return {
    samples: Object.fromEntries(streams.map(({ name }, i) => [name, samples[i]])),
    loopDelay: { p99: delay.percentile(99) / 1e6, max: delay.max / 1e6 },
  }
}

/**
 * @param {string} url
 * @param {Agent} agent
 * @param {string} token
 * @returns {Promise<Sample>}
 */
function ask(url, agent, token) {
  const at = Date.now()
  const start = performance.now()
  const settled = (/** @type {number | null} */ status) => ({ at, status, ms: performance.now() - start })
  return new Promise((resolve) => {
    const request = get(url, { agent, headers: { authorization: `Bearer ${token}` } }, (response) => {
      response.resume().once('close', () => {
        clearTimeout(timer)
        resolve(settled(response.statusCode ?? null))
      })
    })
    const timer = setTimeout(() => request.destroy(), TIMEOUT_MS)
    request.on('error', () => {
      clearTimeout(timer)
      resolve(settled(null))
    })
  })
}

module.exports = { send }
