/**
 * Whether an expensive signature may be checked on this very thread. One that comes alone should be: waking another thread
 * and being woken by it takes 10 to 40 µs more, and nobody gains by it. Of several that come side by side, the others should
 * go elsewhere.
 * Which of the two it is cannot be seen when a request comes in, so it is learnt from those before.
 */

// Taken now: a clock that an application's test puts in place of the global one may never get to the next turn.
const { setImmediate } = require('node:timers')

/** Most that are checked here in one turn of the event loop: together they hold it up for two and a half milliseconds. */
const MOST = 16

let allowed = 1
let done = 0
let elsewhere = 0
let isCrowded = false

const mayBeHere = () => done < allowed

function doneHere() {
  done += 1
  if (done === 1) setImmediate(nextTurn)
}

function nextTurn() {
  done = 0
}

/**
 * @template T
 * @param {Promise<T>} work - On another thread.
 * @returns {Promise<T>}
 */
async function doneElsewhere(work) {
  if (elsewhere > 0) {
    isCrowded = true
    allowed = 1
  }
  elsewhere += 1
  try {
    return await work
  } finally {
    elsewhere -= 1
    if (elsewhere === 0) {
      if (!isCrowded) allowed = Math.min(2 * allowed, MOST)
      isCrowded = false
    }
  }
}

module.exports = { doneElsewhere, doneHere, mayBeHere }
