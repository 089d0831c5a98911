/** The keys and the clock of the comparison with `jose`. The keys are created on first use, one per algorithm. */

const { createKey } = require('../support/tokens')

/** The current time in every case, as Unix time in seconds. */
const NOW = 1_800_000_000

const ALGORITHMS = ['EdDSA', 'Ed25519', 'ES256', 'ES384', 'ES512', 'RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']

const keys = new Map()

function keyFor(alg, of = 'server') {
  const id = `${alg} ${of}`
  const found = keys.get(id)
  if (found !== undefined) return found
  // The key set publishes RSA keys without `alg`, like Logto.
  const made = createKey(alg, { use: 'sig', ...(/^[RP]S/.test(alg) ? {} : { alg }), kid: id })
  keys.set(id, made)
  return made
}

module.exports = { ALGORITHMS, NOW, keyFor }
