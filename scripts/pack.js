// Packs this package and the binary package for this platform as `npm publish` would, and prints the command to install
// them.

const { execFileSync } = require('node:child_process')
const { copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, rmSync } = require('node:fs')
const { basename, join, resolve } = require('node:path')
const { DEBUG_MARKER, ROOT, findAddon } = require('./addon')

function main() {
  const folder = resolve(process.argv[2] ?? join(ROOT, 'target/packed'))
  mkdirSync(folder, { recursive: true })
  const { packed, binary } = packAll(folder)
  console.log(`npm install ${packed.path} ${binary.path}`)
}

/** @param {string} folder */
function packAll(folder) {
  const addon = findAddon()
  if (addon === undefined || existsSync(DEBUG_MARKER)) throw new Error('There is no release build: run `npm run build`')
  const platform = basename(addon).split('.')[1]
  const copy = mkdtempSync(join(folder, 'platform-'))
  try {
    cpSync(join(ROOT, 'npm', platform), copy, { recursive: true })
    copyFileSync(addon, join(copy, basename(addon)))
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
    timeout: 600_000,
  })
}

if (require.main === module) main()

module.exports = { ROOT, npm, packAll }
