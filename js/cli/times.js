/** Formats times and durations. */

const { formatCount } = require('./terminal')

/** @param {number} seconds */
const formatDate = (seconds) => new Date(seconds * 1000).toISOString().replace('.000', '')

/**
 * Formats a duration with its two largest units, such as `2 hours 5 minutes`.
 *
 * @param {number} seconds
 */
function formatDuration(seconds) {
  let rest = Math.max(0, Math.round(seconds))
  const parts = []
  for (const [unit, size] of /** @type {[string, number][]} */ (TIME_UNITS)) {
    const count = Math.floor(rest / size)
    rest -= count * size
    if (count > 0) parts.push(formatCount(count, unit))
  }
  return parts.slice(0, 2).join(' ') || '0 seconds'
}

const TIME_UNITS = [
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
  ['second', 1],
]

module.exports = { formatDate, formatDuration }
