/** The lower limit: the bare signature check in Rust, measured by `cargo bench`. */

const { spawn } = require('node:child_process')
const { once } = require('node:events')
const { join } = require('node:path')

const ROOT = join(__dirname, '../..')

/** Matches `ES384/bare  time:   [151.06 µs 151.42 µs 151.81 µs]` in Criterion's output, and captures the middle value. */
const RESULT_LINE = /^(\S+)\/bare\s+time:\s+\[\S+ \S+ ([\d.]+) (ns|µs|ms) /gm

const MICROSECONDS = { ns: 0.001, µs: 1, ms: 1000 }

async function run() {
  const cargo = spawn('cargo', ['bench', '--no-default-features', '--bench', 'core', '--', '/bare'], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  cargo.stdout.on('data', (text) => {
    output += text
  })
  const [code] = await once(cargo, 'close')
  if (code !== 0) throw new Error(`cargo bench exited with ${code}`)
  const figures = Object.fromEntries(
    [...output.matchAll(RESULT_LINE)].map(([, algorithm, time, unit]) => [
      algorithm,
      Number(time) * MICROSECONDS[/** @type {'ns' | 'µs' | 'ms'} */ (unit)],
    ]),
  )
  const rows = Object.entries(figures).map(([algorithm, time]) => [algorithm, time.toFixed(1)])
  return [{ id: 'limit', title: 'The bare signature check', rows: [['', 'µs each'], ...rows], figures }]
}

module.exports = { run }
