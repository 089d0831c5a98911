/** The bare signature check in Rust, which shows how many tokens a machine can verify at most. */

const { execFileSync, spawn } = require('node:child_process')
const { once } = require('node:events')
const { join } = require('node:path')
const { createInterface } = require('node:readline')

const NAME = 'bare signature check'

/** For each algorithm, the name that bare.rs uses. @type {Record<string, string>} */
const ALGORITHMS = { ES384: 'ES384', 'RS256-2048': 'RS256', ES256: 'ES256', EdDSA: 'EdDSA' }

/** Builds the benchmark and returns its path. */
function build() {
  const command = ['bench', '--no-run', '--no-default-features', '--bench', 'bare', '--message-format', 'json']
  const options = { cwd: join(__dirname, '..'), maxBuffer: 2 ** 28 }
  const messages = execFileSync('cargo', command, { ...options, encoding: 'utf8' })
    .trim()
    .split('\n')
  const built = messages
    .map((line) => JSON.parse(line))
    .find(({ target, executable }) => target?.name === 'bare' && executable)
  return built.executable
}

/**
 * Starts a process that checks the signatures of many tokens in turn.
 *
 * @param {string} algorithm
 * @returns {{ name: string, rate: (threads: number, ms: number) => Promise<number>, close: () => void } | undefined}
 * `undefined` if this algorithm is not supported
 */
function startBareChecks(algorithm) {
  const name = ALGORITHMS[algorithm]
  if (name === undefined) return undefined
  const child = spawn(build(), [name], { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface(child.stdout)
  child.once('exit', (code) => lines.emit('error', new Error(`The process for bare checks has exited with ${code}`)))
  return {
    name: NAME,
    async rate(threads, ms) {
      child.stdin.write(`${threads} ${ms}\n`)
      const [line] = await once(lines, 'line')
      return Number(line)
    },
    close() {
      child.removeAllListeners('exit')
      child.stdin.end()
    },
  }
}

module.exports = { NAME, startBareChecks }
