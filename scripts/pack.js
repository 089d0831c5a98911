// Packs the package, and the package of this platform with the binary in it, as `npm publish` would; says how to install them.

const { execFileSync } = require('node:child_process')
const { copyFileSync, cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync } = require('node:fs')
const { join, resolve } = require('node:path')

const ROOT = join(__dirname, '..')

function main() {
  const folder = resolve(process.argv[2] ?? join(ROOT, 'target/packed'))
  mkdirSync(folder, { recursive: true })
  const { packed, binary } = packAll(folder)
  console.log(`npm install ${packed.path} ${binary.path}`)
}

/** @param {string} folder */
function packAll(folder) {
  const addon = readdirSync(join(ROOT, 'js/native')).find((name) => name.endsWith('.node'))
  if (addon === undefined) throw new Error('There is no addon yet: npm run build')
  const platform = addon.split('.')[1]
  const copy = mkdtempSync(join(folder, 'platform-'))
  try {
    cpSync(join(ROOT, 'npm', platform), copy, { recursive: true })
    copyFileSync(join(ROOT, 'js/native', addon), join(copy, addon))
    return { platform, packed: pack(ROOT, folder), binary: pack(copy, folder) }
  } finally {
    rmSync(copy, { recursive: true })
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
  return execFileSync('npm', args, {
    cwd,
    encoding: 'utf8',
    shell: process.platform === 'win32',
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 120_000,
  })
}

if (require.main === module) main()

module.exports = { ROOT, npm, packAll }
