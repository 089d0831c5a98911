/** Runs the command line in this process and captures its output. */

const { EventEmitter, once } = require('node:events')
const { Readable } = require('node:stream')
const { run } = require('../../js/cli/run')

/**
 * @param {string[]} args
 * @param {{ stdin?: string, env?: Record<string, string>, isTTY?: boolean, once?: any }} [surroundings]
 */
async function cli(args, { stdin = '', env = {}, isTTY = false, once } = {}) {
  const [stdout, stderr] = [sink(), sink()]
  const code = await run(args, {
    stdin: Object.assign(Readable.from([stdin]), { isTTY }),
    stdout: { isTTY, write: stdout.write },
    stderr: { write: stderr.write },
    env,
    once,
  })
  return { code, stdout: stdout.text(), stderr: stderr.text() }
}

function sink() {
  /** @type {string[]} */
  const written = []
  return { write: (/** @type {string} */ text) => void written.push(text), text: () => written.join('') }
}

/**
 * Runs `dev` until the test ends.
 *
 * @param {{ after(close: () => unknown): void }} t
 * @returns {Promise<{ logtoUrl: string, page: string, stop: () => Promise<number> }>}
 */
async function startDev(t) {
  const signals = new EventEmitter()
  const written = new EventEmitter()
  const text = once(written, 'text')
  const surroundings = /** @type {any} */ ({
    stdout: { write: (/** @type {string} */ text) => written.emit('text', text) },
    stderr: process.stderr,
    env: {},
    once: signals.once.bind(signals),
  })
  const exit = run(['dev', '--port', '0', '--json'], surroundings)
  const stop = () => {
    signals.emit('SIGTERM')
    return exit
  }
  t.after(stop)
  const [line] = await text
  return { ...JSON.parse(line), stop }
}

module.exports = { cli, startDev }
