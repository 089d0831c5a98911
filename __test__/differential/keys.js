/** The keys of the comparison with `jose`, one per algorithm, created on first use, and its clock. */

const { createKey } = require('../support/tokens')

/** The current time of every case, in seconds since 1970. */
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
