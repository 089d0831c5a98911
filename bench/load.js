/** Load from a process of its own. */

// @ts-expect-error: it has no types
const autocannon = require('autocannon')

/**
 * Requests answered with 200 per second.
 *
 * @param {{ url: string, tokens: string[], isRepeated: boolean, seconds: number, connections: number }} load - Each
 * token is sent once, or the tokens are shared out among the connections, which repeat them.
 * @returns {Promise<{ rate: number, sent: number }>}
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

  let [answered, first, last] = [0, 0, 0]
  const run = autocannon({
    url,
    connections,
    duration: seconds,
    sampleInt: 100,
    setupClient,
    ...(!isRepeated && { requests: [{ setupRequest: once }] }),
  })
  run.on('response', () => {
    if (sent > requests.length) return run.stop()
    last = performance.now()
    if (first === 0) first = last
    else answered += 1
  })
  const { non2xx, errors } = await run
  if (non2xx + errors > 0) throw new Error(`${non2xx} requests were refused, ${errors} failed`)
  if (answered === 0) throw new Error('No request was answered in time')
  return { rate: (answered / (last - first)) * 1000, sent: Math.min(sent, requests.length) }
}

module.exports = { load }
