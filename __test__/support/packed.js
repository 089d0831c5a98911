/** Installs the packed package, with the binary of this platform, into an empty folder without network access. */

const { spawnSync } = require('node:child_process')
const { mkdtempSync, rmSync, writeFileSync } = require('node:fs')
const { tmpdir } = require('node:os')
const { join } = require('node:path')
const { ROOT, npm, packAll } = require('../../scripts/pack')

function installPacked() {
  const folder = mkdtempSync(join(tmpdir(), 'logto-authkit-'))
  const { platform, packed, binary } = packAll(folder)
  write('package.json', '{ "name": "consumer", "private": true }')
  npm(['install', '--offline', '--no-audit', '--no-fund', packed.path, binary.path], folder)

  function write(name, content) {
    const path = join(folder, name)
    writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
    return path
  }

  return {
    folder,
    packed,
    binary,
    platform,
    write,
    /** Runs Node.js in that folder. */
    node(args, env) {
      const options = {
        cwd: folder,
        encoding: /** @type {const} */ ('utf8'),
        timeout: 600_000,
        env: { ...process.env, ...env },
      }
      const { status, stdout, stderr } = spawnSync(process.execPath, args, options)
      return { status, stdout, stderr }
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}

/** Code of a consumer, as the body of an async function. */
const CONSUMER_CODE = `
  const issuer = await createTestIssuer()
  const auth = await verifyAuth(issuer.mint({ sub: 'alice' }), { logtoUrl: issuer.logtoUrl, audience: 'https://api.example.com' })
  await issuer.close()
`

module.exports = { ROOT, CONSUMER_CODE, installPacked }
