/** Measures several sides alternately in short slices, in a different order every round, and computes medians. */

/**
 * @template T, F
 * @param {T[]} sides
 * @param {number} rounds
 * @param {(side: T) => Promise<F>} measure
 * @returns {Promise<Map<T, F[]>>} The figures of each side, one per round.
 */
async function alternate(sides, rounds, measure) {
  /** @type {Map<T, F[]>} */
  const figures = new Map(sides.map((side) => [side, []]))
  // The first round is a warm-up, in which the code gets compiled.
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
 * Measures verifications per second.
 *
 * @param {(input: any) => any} verify
 * @param {unknown[]} inputs
 * @param {{ ms: number, inFlight: number, isRepeated: boolean }} slice - The slice ends early if the inputs run out.
 */
async function rate(verify, inputs, { ms, inFlight, isRepeated }) {
  let [next, done, isOver] = [0, 0, false]
  const start = performance.now()
  const lane = async () => {
    while (!isOver && next < inputs.length) {
      const pending = verify(inputs[next])
      next += 1
      if (isRepeated && next === inputs.length) next = 0
      if (typeof pending?.then === 'function') await pending
      done += 1
      // The clock is read rarely, because reading it takes a tenth as long as a cache hit.
      if (done % 16 === 0) isOver = performance.now() - start >= ms
    }
  }
  await Promise.all(Array.from({ length: inFlight }, lane))
  return (done / (performance.now() - start)) * 1000
}

/**
 * @param {number[]} figures
 * @param {number} fraction - The fraction of figures below the result, for example 0.5 for the median.
 */
function quantile(figures, fraction) {
  const sorted = figures.toSorted((a, b) => a - b)
  const position = (sorted.length - 1) * fraction
  const below = Math.floor(position)
  return sorted[below] + (sorted[Math.min(below + 1, sorted.length - 1)] - sorted[below]) * (position - below)
}

/** @typedef {{ median: number, low: number, high: number }} Spread - The median and the quartiles. */

/**
 * @param {number[]} figures
 * @returns {Spread}
 */
function spread(figures) {
  return { median: quantile(figures, 0.5), low: quantile(figures, 0.25), high: quantile(figures, 0.75) }
}

/**
 * Divides the figures of one side by the figures of another side in the same round, because other load on the machine
 * affects both sides of a round.
 *
 * @param {number[]} figures
 * @param {number[]} others
 */
function ratio(figures, others) {
  return spread(figures.map((figure, round) => figure / others[round]))
}

/** Prints rounded figures as a line of JSON. @param {object} figures */
function printLine(figures) {
  const round = (/** @type {string} */ _, /** @type {any} */ value) =>
    typeof value === 'number' ? Number(value.toPrecision(5)) : value
  console.log(JSON.stringify(figures, round))
}

module.exports = { alternate, printLine, quantile, rate, ratio, spread }
