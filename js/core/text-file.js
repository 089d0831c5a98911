/** Reads a text file that may be missing. */

const { readFileSync, statSync } = require('node:fs')

/**
 * Returns a file's text, or null if the path is not a readable file or the file is too large.
 *
 * @param {string} path
 * @param {number} [maxSize] - In bytes.
 */
function readTextFile(path, maxSize = Infinity) {
  try {
    const stats = statSync(path)
    // Reading a named pipe would block the process.
    return stats.isFile() && stats.size <= maxSize ? readFileSync(path, 'utf8') : null
  } catch {
    return null
  }
}

module.exports = { readTextFile }
