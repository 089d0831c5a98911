/** Temporary folders. */

const { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } = require('node:fs')
const { tmpdir } = require('node:os')
const { dirname, join } = require('node:path')

/**
 * Creates a folder that is removed after the test. `save` writes a file into the folder and returns its path. Objects
 * are written as JSON. For code that imports the package, the prefix must be a path inside the package.
 *
 * @param {{ after: (remove: () => void) => void }} context - The context of a test, or the functions of `node:test`.
 */
function temporaryFolder(context, prefix = join(tmpdir(), 'logto-authkit-')) {
  const folder = realpathSync(mkdtempSync(prefix))
  context.after(() => rmSync(folder, { recursive: true, force: true }))
  const save = (name, content) => {
    const path = join(folder, name)
    mkdirSync(dirname(path), { recursive: true })
    const isText = typeof content === 'string' || Buffer.isBuffer(content)
    writeFileSync(path, isText ? content : JSON.stringify(content))
    return path
  }
  return { folder, save }
}

module.exports = { temporaryFolder }
