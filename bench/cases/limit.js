/** The physical limit: the bare signature check in Rust, as `cargo bench` measures it. */

const { spawn } = require('node:child_process')
const { once } = require('node:events')
const { existsSync } = require('node:fs')
const { join } = require('node:path')

const ROOT = join(__dirname, '../..')

/** What the Rust bench prints of each algorithm, say `bare ES384 156000 ns`. */
const LINE = /^bare (\S+) ([\d.]+) ns$/gm

async function run() {
  if (!existsSync(join(ROOT, 'benches'))) return []
  const cargo = spawn('cargo', ['bench', '--no-default-features'], { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  cargo.stdout.on('data', (text) => {
    output += text
  })
  const [code] = await once(cargo, 'close')
  if (code !== 0) throw new Error(`cargo bench has ended with ${code}`)
  const figures = Object.fromEntries(
    [...output.matchAll(LINE)].map(([, algorithm, nanoseconds]) => [algorithm, Number(nanoseconds) / 1000]),
  )
  const rows = Object.entries(figures).map(([algorithm, time]) => [algorithm, time.toFixed(1)])
  return [{ id: 'limit', title: 'The bare signature check', rows: [['', 'µs each'], ...rows], figures }]
}

module.exports = { run }
