/** Verifications per second, by algorithm: new or previously verified tokens, one at a time or 64 concurrently. */

const { availableParallelism } = require('node:os')
const { NAME: BARE, startBareChecks } = require('../bare')
const { startIssuer } = require('../issuer')
const { PEERS, acceptedSamples } = require('../peers')
const { alternate, rate } = require('../rounds')
const { mintMany, samples } = require('../tokens')

/**
 * @typedef {import('../tokens').Algorithm} Algorithm
 * @typedef {typeof MODES[number]} Mode
 */

/**
 * Number of new tokens per slice, and of other tokens for its warm-up. A slice ends early if it runs out of tokens,
 * because signing more would take minutes.
 */
const NEW_TOKENS = { ES384: 2000, 'RS256-2048': 6000, 'RS256-4096': 2000, ES256: 5000, EdDSA: 5000 }
const QUICK_NEW_TOKENS = { ES384: 500, 'RS256-2048': 2000, 'RS256-4096': 500, ES256: 2000, EdDSA: 2000 }

/** Number of tokens that fit into the default caches of `fast-jwt` and this library. */
const WORKING_SET = 500

const MODES = [
  { id: 'new', title: 'new tokens, one at a time', isRepeated: false, inFlight: 1 },
  { id: 'new-64', title: 'new tokens, 64 concurrent', isRepeated: false, inFlight: 64 },
  { id: 'seen', title: 'previously verified tokens, one at a time', isRepeated: true, inFlight: 1 },
  { id: 'seen-64', title: 'previously verified tokens, 64 concurrent', isRepeated: true, inFlight: 64 },
]

/** @param {Algorithm} algorithm */
const ids = (algorithm) => MODES.map(({ id }) => `${algorithm.toLowerCase()}-${id}`)

/** @param {{ algorithm: Algorithm, selectedIds: string[], isQuick: boolean, sides?: string[] }} options */
async function run({ algorithm, selectedIds, isQuick, sides: names }) {
  const { setup, close } = await startIssuer(algorithm)
  const count = (isQuick ? QUICK_NEW_TOKENS : NEW_TOKENS)[algorithm]
  const tokens = await mintMany(setup.key, setup.issuer, 2 * count)
  const selected = PEERS.filter(({ name }) => names?.includes(name) ?? true)
  const sides = selected.filter(({ unsupported }) => unsupported !== algorithm)
  const good = samples(setup.key, setup.issuer)
  for (const { name, create, prepare = String } of sides) {
    const verify = create(setup)
    const passed = await acceptedSamples((token) => verify(prepare(token)), good)
    if (passed.join() !== 'good') throw new Error(`${name} accepts ${passed.join(' and ')} for ${algorithm}`)
  }

  // A quick run does not wait for the build of the bare check.
  const bare = (names?.includes(BARE) ?? !isQuick) ? startBareChecks(algorithm) : undefined
  const results = []
  for (const [i, mode] of MODES.entries()) {
    const id = ids(algorithm)[i]
    if (!selectedIds.includes(id)) continue
    const figures = await measure(sides, bare, { ...setup, inFlight: mode.inFlight }, tokens, mode, isQuick)
    results.push({
      id,
      title: `${algorithm}, ${mode.title}`,
      rates: Object.fromEntries([...figures].map(([{ name }, rates]) => [name, rates])),
      sidesWithoutSupport: selected.filter((peer) => !sides.includes(peer)).map(({ name }) => name),
    })
  }
  bare?.close()
  close()
  return results
}

/**
 * @param {import('../peers').Peer[]} peers
 * @param {ReturnType<typeof startBareChecks>} bare
 * @param {import('../peers').Setup} setup
 * @param {string[]} tokens
 * @param {Mode} mode
 * @param {boolean} isQuick
 */
async function measure(peers, bare, setup, tokens, { isRepeated, inFlight }, isQuick) {
  const warmUp = tokens.slice(0, tokens.length / 2)
  const measured = isRepeated ? tokens.slice(0, WORKING_SET) : tokens.slice(tokens.length / 2)
  const slice = { ms: isQuick ? 50 : 150, inFlight, isRepeated }
  /** @type {Map<import('../peers').Peer, import('../peers').Verify>} */
  const verifiers = new Map()

  const sides = bare === undefined || isRepeated ? peers : [...peers, bare]
  return alternate(sides, isQuick ? 3 : 9, async (side) => {
    if ('rate' in side) return side.rate(Math.min(inFlight, availableParallelism()), slice.ms)
    const { name, cachesTokens, create, prepare = String } = side
    // To verify new tokens, every round creates a verifier with an empty cache. Previously verified tokens are in the
    // cache of a verifier that all rounds use.
    const verify = verifiers.get(side) ?? create(setup)
    if (isRepeated && !verifiers.has(side)) {
      verifiers.set(side, verify)
      if (cachesTokens) for (const token of measured) await verify(prepare(token))
    }
    // Each slice begins with a garbage collection, after which JavaScript is slow for the first 2,000 tokens. A server
    // under load is warm, so libraries written in JavaScript would look slower than they are.
    if (!isRepeated) await rate(verify, warmUp.map(prepare), slice)

    const hits = verify.hits?.() ?? 0
    const inputs = measured.map(prepare)
    const figure = await rate(verify, inputs, slice)
    const hasHit = (verify.hits?.() ?? 0) > hits
    if (verify.hits && hasHit !== isRepeated) throw new Error(`${name} ${hasHit ? 'used' : 'did not use'} its cache`)
    return figure
  })
}

module.exports = { ids, run }
