/** Generates load from a separate process. */

const autocannon = require('autocannon')
const { quantile } = require('./rounds')

/**
 * Measures how many responses with status 200 arrive per second, and their latency in milliseconds.
 *
 * @param {{ url: string, tokens: string[], isRepeated: boolean, seconds: number, connections: number }} load - With
 * `isRepeated`, every connection repeats its share of the tokens. Otherwise, each token is sent only once.
 * @returns {Promise<{ rate: number, p50: number, p99: number, sent: number }>}
 */
async function load({ url, tokens, isRepeated, seconds, connections }) {
  const requests = tokens.map((token) => ({ headers: { authorization: `Bearer ${token}` } }))
  let sent = 0
  const once = (/** @type {any} */ request) => {
    const { headers } = requests[Math.min(sent, requests.length - 1)]
    sent += 1
    return { ...request, headers }
  }
  let connection = 0
  const share = Math.floor(requests.length / connections)
  const setupClient = (/** @type {any} */ client) => {
    if (isRepeated) client.setRequests(requests.slice(connection * share, (connection + 1) * share))
    connection += 1
  }

  let [first, last] = [0, 0]
  /** @type {number[]} */
  const times = []
  const run = autocannon({
    url,
    connections,
    duration: seconds,
    sampleInt: 100,
    setupClient,
    ...(!isRepeated && { requests: [{ setupRequest: once }] }),
  })
  run.on(
    'response',
    (/** @type {unknown} */ _, /** @type {number} */ __, /** @type {number} */ ___, /** @type {number} */ ms) => {
      if (sent > requests.length) return run.stop()
      last = performance.now()
      if (first === 0) first = last
      else times.push(ms)
    },
  )
  const { non2xx, errors } = await run
  if (non2xx + errors > 0) throw new Error(`${non2xx} requests were rejected, ${errors} failed`)
  if (times.length === 0) throw new Error('No request got a response in time')
  const rate = (times.length / (last - first)) * 1000
  return { rate, p50: quantile(times, 0.5), p99: quantile(times, 0.99), sent: Math.min(sent, requests.length) }
}

module.exports = { load }
