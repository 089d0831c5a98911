/** Load from a process of its own. */

const autocannon = require('autocannon')

/**
 * Requests answered with 200 per second.
 *
 * @param {{ url: string, tokens: string[], isRepeated: boolean, seconds: number, connections: number }} load - Each
 * token is sent once, unless they are repeated.
 * @returns {Promise<{ rate: number, sent: number }>}
 */
async function load({ url, tokens, isRepeated, seconds, connections }) {
  let sent = 0
  const headers = (/** @type {string} */ token) => ({ authorization: `Bearer ${token}` })
  const each = (/** @type {any} */ request) => {
    if (sent === tokens.length) run.stop()
    const token = tokens[Math.min(sent, tokens.length - 1)]
    sent += 1
    return { ...request, headers: headers(token) }
  }
  const requests = isRepeated ? tokens.map((token) => ({ headers: headers(token) })) : [{ setupRequest: each }]
  const start = performance.now()
  const run = autocannon({ url, connections, duration: seconds, requests })
  const { '2xx': answered, non2xx, errors } = await run
  const rate = (answered / (performance.now() - start)) * 1000
  if (non2xx + errors > 0) throw new Error(`${non2xx} requests were refused, ${errors} failed`)
  return { rate, sent: Math.min(sent, tokens.length) }
}

module.exports = { load }
