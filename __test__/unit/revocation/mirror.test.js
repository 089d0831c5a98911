const assert = require('node:assert/strict')
const timers = require('node:timers')
const { test } = require('node:test')

/** The pauses between reads. Before `js` captures the timers, they are replaced with some that fire at once. @type {number[]} */
const pauses = []
let now = Math.ceil(performance.now())
let lateBy = 0
const { setTimeout } = timers
timers.setTimeout = /** @type {any} */ (
  (run, duration) => {
    if (duration >= 1000) return setTimeout(run, duration)
    pauses.push(duration)
    now += duration + lateBy
    const timer = setTimeout(run, 0)
    return Object.assign(timer, { unref: () => timer })
  }
)
const { createRevocations } = require('logto-authkit/revocation')

test('a mirror of a busy store reads in batches, and less often on a busy thread', async (t) => {
  t.mock.method(performance, 'now', () => now)
  const batches = [0, 10, 500, 500, 500, 10].map((count) => Array.from({ length: count }, () => 'an entry'))
  const delays = [0, 0, 50, 1000, 0, 0]
  await new Promise((resolve) => {
    const revocations = createRevocations({
      store: {
        append: async () => {},
        read: async () => {
          const entries = batches.shift()
          if (entries === undefined) resolve(revocations.close())
          lateBy = delays.shift() ?? 0
          return { entries: entries ?? [], position: '', complete: true }
        },
      },
    })
  })
  assert.deepEqual(pauses.slice(0, 6), [20, 30, 80, 130, 160, 30])
})
