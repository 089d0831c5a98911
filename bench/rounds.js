/** Sides take turns in short slices, in another order every round; what counts is the median over the rounds. */

/**
 * @template T, F
 * @param {T[]} sides
 * @param {number} rounds
 * @param {(side: T) => Promise<F>} measure
 * @returns {Promise<Map<T, F[]>>} by side, one figure for each round
 */
async function alternate(sides, rounds, measure) {
  /** @type {Map<T, F[]>} */
  const figures = new Map(sides.map((side) => [side, []]))
  // The first round, in which code is compiled, does not count.
  for (let round = -1; round < rounds; round += 1) {
    for (let turn = 0; turn < sides.length; turn += 1) {
      const side = sides[(turn + round + 1) % sides.length]
      global.gc?.()
      const figure = await measure(side)
      if (round >= 0) figures.get(side)?.push(figure)
    }
  }
  return figures
}

/**
 * Verifications per second.
 *
 * @param {(input: any) => any} verify
 * @param {unknown[]} inputs
 * @param {{ ms: number, inFlight: number, isRepeated: boolean }} slice - which ends early if inputs run out
 */
async function rate(verify, inputs, { ms, inFlight, isRepeated }) {
  let [next, done, isOver] = [0, 0, false]
  const start = performance.now()
  const lane = async () => {
    while (!isOver && next < inputs.length) {
      const answer = verify(inputs[next])
      next += 1
      if (isRepeated && next === inputs.length) next = 0
      if (typeof answer?.then === 'function') await answer
      done += 1
      // Reading the clock costs as much as a tenth of a cached look-up.
      if (done % 16 === 0) isOver = performance.now() - start >= ms
    }
  }
  await Promise.all(Array.from({ length: inFlight }, lane))
  return (done / (performance.now() - start)) * 1000
}

/**
 * @param {number[]} figures
 * @param {number} part - 0.5 for the median
 */
function quantile(figures, part) {
  const sorted = figures.toSorted((a, b) => a - b)
  const place = (sorted.length - 1) * part
  const below = Math.floor(place)
  return sorted[below] + (sorted[Math.min(below + 1, sorted.length - 1)] - sorted[below]) * (place - below)
}

/** @typedef {{ median: number, low: number, high: number }} Spread the quartiles */

/**
 * @param {number[]} figures
 * @returns {Spread}
 */
function spread(figures) {
  return { median: quantile(figures, 0.5), low: quantile(figures, 0.25), high: quantile(figures, 0.75) }
}

/**
 * Of two sides, round by round, as what disturbs a round disturbs both.
 *
 * @param {number[]} figures
 * @param {number[]} others
 */
function ratio(figures, others) {
  return spread(figures.map((figure, round) => figure / others[round]))
}

module.exports = { alternate, quantile, rate, ratio, spread }
