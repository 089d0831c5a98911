/**
 * Runs callbacks at the end of a turn of the event loop, and keeps the process alive. If a test's fake timers replaced
 * Node's timers before this module was loaded, a message channel is used instead, which is slower but cannot be
 * replaced.
 */

const timers = require('node:timers')
const { MessageChannel } = require('node:worker_threads')

const functionToString = Function.prototype.toString

/**
 * Returns true only if a timer function is the built-in one, rather than a mock or a wrapper.
 *
 * @param {Function} timer
 */
const isNativeTimer = (timer) => {
  const source = functionToString.call(timer)
  return source.includes('new Immediate(') || (source.includes('[native code]') && !timer.name.startsWith('bound '))
}

const hasNativeTimers = isNativeTimer(timers.setImmediate)

/**
 * Calls a callback after all events of the current event loop turn have been handled.
 *
 * @type {(callback: () => void) => void}
 */
const callAfterEventLoopTurn = hasNativeTimers ? timers.setImmediate : createMessageChannel().post

/** Keeps the process alive between `ref` and `unref`. */
const keepAlive = hasNativeTimers ? createIntervalHandle() : createMessageChannel()

function createIntervalHandle() {
  const { setInterval } = timers
  /** @type {NodeJS.Timeout | undefined} */
  let handle
  return {
    ref() {
      handle ??= setInterval(() => {}, 0x7fffffff)
      handle.ref()
    },
    unref: () => void handle?.unref(),
  }
}

function createMessageChannel() {
  const { port1, port2 } = new MessageChannel()
  /** @type {(() => void)[]} */
  let callbacks = []
  port1.on('message', () => {
    const due = callbacks
    callbacks = []
    if (!isKeptAlive) port1.unref()
    for (const callback of due) callback()
  })
  port1.unref()
  let isKeptAlive = false
  return {
    /** @param {() => void} callback */
    post(callback) {
      port1.ref()
      if (callbacks.push(callback) === 1) port2.postMessage(null)
    },
    ref() {
      isKeptAlive = true
      port1.ref()
    },
    unref() {
      isKeptAlive = false
      port1.unref()
    },
  }
}

module.exports = { callAfterEventLoopTurn, isNativeTimer, keepAlive, createMessageChannel }
