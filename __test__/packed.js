/** The package as npm packs it, with the binary of this platform, installed into an empty folder without a network. */

const { execFileSync, spawnSync } = require('node:child_process')
const { copyFileSync, cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } = require('node:fs')
const { tmpdir } = require('node:os')
const { join } = require('node:path')

const ROOT = join(__dirname, '..')
const addon = readdirSync(join(ROOT, 'js/native')).find((name) => name.endsWith('.node')) ?? ''
const platform = addon.split('.')[1]

/** @typedef {ReturnType<typeof installPacked>} Consumer */

function installPacked() {
  const folder = mkdtempSync(join(tmpdir(), 'logto-authkit-'))
  const packed = pack(ROOT, folder)
  cpSync(join(ROOT, 'npm', platform), join(folder, 'platform'), { recursive: true })
  copyFileSync(join(ROOT, 'js/native', addon), join(folder, 'platform', addon))
  const binary = pack(join(folder, 'platform'), folder)
  write('package.json', '{ "name": "consumer", "private": true }')
  npm(['install', '--offline', '--no-audit', '--no-fund', packed.path, binary.path], folder)

  /**
   * @param {string} name
   * @param {string | object} content
   */
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
    /**
     * Runs Node there.
     *
     * @param {string[]} args
     * @param {Record<string, string>} [env]
     */
    node(args, env) {
      const options = {
        cwd: folder,
        encoding: /** @type {const} */ ('utf8'),
        timeout: 120_000,
        env: { ...process.env, ...env },
      }
      const { status, stdout, stderr } = spawnSync(process.execPath, args, options)
      return { status, stdout, stderr }
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}

/**
 * @param {string} from
 * @param {string} to
 */
function pack(from, to) {
  const [{ filename, files, unpackedSize }] = JSON.parse(npm(['pack', '--json', '--pack-destination', to, from], to))
  return {
    path: join(to, filename),
    unpackedSize: /** @type {number} */ (unpackedSize),
    files: /** @type {string[]} */ (files.map((/** @type {{ path: string }} */ file) => file.path).sort()),
  }
}

/**
 * @param {string[]} args
 * @param {string} cwd
 */
function npm(args, cwd) {
  const shell = process.platform === 'win32'
  return execFileSync('npm', args, {
    cwd,
    encoding: 'utf8',
    shell,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 120_000,
  })
}

/** What a consumer does with the package, as the body of an async function. */
const USE = `
  const issuer = await createTestIssuer()
  const auth = await verifyAuth(issuer.mint({ sub: 'alice' }), { logtoUrl: issuer.logtoUrl, audience: 'https://api.example.test' })
  await issuer.close()
`

module.exports = { ROOT, USE, installPacked }
