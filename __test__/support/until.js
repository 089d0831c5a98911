const assert = require('node:assert/strict')
const { setTimeout } = require('node:timers/promises')

/** More than the slowest wait on a busy machine, and less than the timeout of any suite. */
const MAX_ATTEMPTS = 6_000

/**
 * Waits until other code makes a condition true. Otherwise, the test fails after about 30 seconds, before the timeout
 * of its suite cancels the other tests. Attempts are counted, because a suspended process would miss a deadline.
 *
 * @param {() => unknown} condition
 */
async function until(condition) {
  for (let attempt = 0; !(await condition()); attempt += 1) {
    assert.ok(attempt < MAX_ATTEMPTS, `still not true: ${condition}`)
    await setTimeout(5)
  }
}

module.exports = { until }
