/** Verifications per second, by algorithm: every token new, or a working set of tokens; one at a time, or 64. */

const { startIssuer } = require('../issuer')
const { PEERS, accepted } = require('../peers')
const { alternate, rate } = require('../rounds')
const { mintMany, samples } = require('../tokens')

/**
 * @typedef {import('../tokens').Algorithm} Algorithm
 * @typedef {typeof MODES[number]} Mode
 */

/** New tokens for a slice. A slice ends early where they run out; more would take minutes to sign. */
const FRESH = { ES384: 2000, 'RS256-2048': 6000, 'RS256-4096': 2000, ES256: 5000, EdDSA: 5000 }
const FRESH_IN_SHORT = { ES384: 500, 'RS256-2048': 2000, 'RS256-4096': 500, ES256: 2000, EdDSA: 2000 }

/** What `fast-jwt` and ours hold by default is more. */
const WORKING_SET = 500
const WARM_UP = 50

const MODES = [
  { id: 'new', title: 'every token new, one at a time', isRepeated: false, inFlight: 1 },
  { id: 'new-64', title: 'every token new, 64 at a time', isRepeated: false, inFlight: 64 },
  { id: 'seen', title: 'tokens seen before, one at a time', isRepeated: true, inFlight: 1 },
  { id: 'seen-64', title: 'tokens seen before, 64 at a time', isRepeated: true, inFlight: 64 },
]

/** @param {Algorithm} algorithm */
const ids = (algorithm) => MODES.map(({ id }) => `${algorithm.toLowerCase()}-${id}`)

/** @param {{ algorithm: Algorithm, asked: string[], isQuick: boolean }} options */
async function run({ algorithm, asked, isQuick }) {
  const { setup, close } = await startIssuer(algorithm)
  const count = (isQuick ? FRESH_IN_SHORT : FRESH)[algorithm]
  const tokens = await mintMany(setup.key, setup.issuer, count + WARM_UP)
  const sides = PEERS.filter(({ lacks }) => lacks !== algorithm)
  const good = samples(setup.key, setup.issuer)
  for (const { name, create, prepare = String } of sides) {
    const verify = create(setup)
    const passed = await accepted((token) => verify(prepare(token)), good)
    if (passed.join() !== 'good') throw new Error(`${name} accepts ${passed.join(' and ')} of ${algorithm}`)
  }

  const results = []
  for (const [i, mode] of MODES.entries()) {
    const id = ids(algorithm)[i]
    if (!asked.includes(id)) continue
    const figures = await measure(sides, { ...setup, inFlight: mode.inFlight }, tokens, mode, isQuick)
    results.push({
      id,
      title: `${algorithm}, ${mode.title}`,
      rates: Object.fromEntries([...figures].map(([{ name }, rates]) => [name, rates])),
      lacking: PEERS.filter((peer) => !sides.includes(peer)).map(({ name }) => name),
    })
  }
  close()
  return results
}

/**
 * @param {import('../peers').Peer[]} sides
 * @param {import('../peers').Setup} setup
 * @param {string[]} tokens
 * @param {Mode} mode
 * @param {boolean} isQuick
 */
async function measure(sides, setup, tokens, { isRepeated, inFlight }, isQuick) {
  const warmUp = tokens.slice(0, WARM_UP)
  const measured = isRepeated ? tokens.slice(0, WORKING_SET) : tokens.slice(WARM_UP)
  const slice = { ms: isQuick ? 50 : 150, inFlight, isRepeated }
  /** @type {Map<import('../peers').Peer, import('../peers').Verify>} */
  const kept = new Map()

  return alternate(sides, isQuick ? 3 : 9, async (side) => {
    const { name, remembers, create, prepare = String } = side
    // One that remembers nothing, so that no token has been seen; or the same one in every round.
    const verify = kept.get(side) ?? create(setup)
    if (isRepeated && !kept.has(side)) {
      kept.set(side, verify)
      if (remembers) for (const token of measured) await verify(prepare(token))
    }
    if (!isRepeated) for (const token of warmUp) await verify(prepare(token))

    const hits = verify.hits?.() ?? 0
    const inputs = measured.map(prepare)
    const figure = await rate(verify, inputs, slice)
    const hasHit = (verify.hits?.() ?? 0) > hits
    if (verify.hits && hasHit !== isRepeated) throw new Error(`${name} has ${hasHit ? '' : 'not '}remembered`)
    return figure
  })
}

module.exports = { ids, run }
