/** Checks that an implementation of `RevocationStore` does what the mirror relies on. */

const assert = require('node:assert/strict')
const { setTimeout } = require('node:timers/promises')

/** @typedef {import('.').RevocationStore} RevocationStore */

/** The maximum duration of a read, and the tolerance for slow machines, in milliseconds. */
const MAX_READ_MS = 1000
const READ_TOLERANCE_MS = 1000

/** @type {typeof import('../testing').testRevocationStore} */
async function testRevocationStore(createStore, { reset } = {}) {
  const stores = [await createStore(), await createStore(), await createStore()]
  const [one, two, late] = stores
  // A store may use only timers that do not keep the process alive. The process would then end before the test fails.
  const keepAlive = setInterval(() => {}, MAX_READ_MS)
  try {
    for (const store of stores) {
      assert.equal(typeof store.append, 'function', 'append must be a function')
      assert.equal(typeof store.read, 'function', 'read must be a function')
    }
    const start = await readAll(two, null)
    assert.deepEqual(start.entries, [], 'the log must be empty')

    await append(one, ['first', 'second'])
    await expectEntries(
      two,
      start.position,
      ['first', 'second'],
      'an entry must be visible to other instances after append',
    )
    await expectEntries(late, null, ['first', 'second'], 'null must stand for the oldest entry')

    const entriesToEscape = ['{"a":"\\u00e9"}', '\u{e9}\u{1f512}\u2028', '"\\\n\0 \'', 'x'.repeat(16_384)]
    await append(one, entriesToEscape)
    const { position } = await expectEntries(
      two,
      null,
      ['first', 'second', ...entriesToEscape],
      'an entry must be returned unchanged',
    )

    const readStart = performance.now()
    const emptyBatch = await two.read(position, { signal: timeoutSignal() })
    assert.deepEqual(emptyBatch.entries, [], 'entries before the position must not be returned again')
    assert.equal(emptyBatch.complete, true, 'complete must be true without further entries')
    const waited = performance.now() - readStart
    assert.ok(
      waited < MAX_READ_MS + READ_TOLERANCE_MS,
      `read must wait for at most a second, not ${Math.round(waited)} ms`,
    )

    const pendingRead = two.read(emptyBatch.position, { signal: timeoutSignal() })
    await append(one, ['third'])
    const batch = await pendingRead
    const newBatch = batch.entries.length > 0 ? batch : await two.read(batch.position, { signal: timeoutSignal() })
    assert.deepEqual(newBatch.entries, ['third'], 'a waiting read must return new entries')

    const manyEntries = Array.from({ length: 2_500 }, (_, i) => `entry ${i}`)
    const halves = [manyEntries.slice(0, 1_200), manyEntries.slice(1_200)]
    await Promise.all(halves.map((half, i) => append(stores[i], half)))
    const end = await expectEntries(
      two,
      newBatch.position,
      manyEntries,
      'all entries must be returned, in several batches if necessary',
    )

    const controller = new AbortController()
    const abortedRead = two.read(end.position, { signal: controller.signal }).catch(() => {})
    controller.abort()
    const timeout = setTimeout(MAX_READ_MS + READ_TOLERANCE_MS, 'timeout')
    assert.notEqual(
      await Promise.race([abortedRead, timeout]),
      'timeout',
      'a read must settle after its signal was aborted',
    )
    await append(one, ['fourth'])
    const resumedRead = await expectEntries(two, end.position, ['fourth'], 'reads must work after one was aborted')

    if (reset !== undefined) {
      await reset()
      await append(one, ['fifth'])
      await expectEntries(
        two,
        resumedRead.position,
        ['fifth'],
        'a position that no longer exists must stand for the oldest entry',
      )
    }
  } finally {
    clearInterval(keepAlive)
    for (const store of stores) await store.close?.()
  }
}

/** Creates a signal that aborts after ten seconds, longer than any read takes. */
const timeoutSignal = () => AbortSignal.timeout(10_000)

/** @type {(store: RevocationStore, entries: string[]) => Promise<void>} */
const append = (store, entries) => store.append(entries, { maxAgeMs: 86_400_000, signal: timeoutSignal() })

/**
 * Reads a store until there are no further revocation entries.
 *
 * @param {RevocationStore} store
 * @param {string | null} position
 */
async function readAll(store, position) {
  /** @type {string[]} */
  const entries = []
  for (let from = position; ; ) {
    const batch = await store.read(from, { signal: timeoutSignal() })
    assert.ok(Array.isArray(batch.entries), 'read must resolve to an object with an array of entries')
    assert.equal(typeof batch.position, 'string', 'position must be a string')
    entries.push(...batch.entries)
    if (batch.complete) return { entries, position: batch.position }
    from = batch.position
  }
}

/** @type {(store: RevocationStore, position: string | null, expected: string[], message: string) => Promise<{ position: string }>} */
async function expectEntries(store, position, expected, message) {
  const { entries, position: end } = await readAll(store, position)
  assert.deepEqual([...new Set(entries)].sort(), [...expected].sort(), message)
  return { position: end }
}

module.exports = { testRevocationStore }
