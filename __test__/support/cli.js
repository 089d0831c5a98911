/** Runs the command line in this process and captures its output. */

const { EventEmitter, once } = require('node:events')
const { Readable } = require('node:stream')
const { run } = require('../../js/cli/run')

async function cli(
  args,
  { stdin = '', env = {}, isTTY = false, columns = undefined, once, cwd = process.cwd } = /** @type {any} */ ({}),
) {
  const [stdout, stderr] = [sink(), sink()]
  const code = await run(args, {
    stdin: Object.assign(Readable.from([stdin]), { isTTY }),
    stdout: { isTTY, columns, write: stdout.write },
    stderr: { write: stderr.write },
    env,
    once,
    cwd,
  })
  return { code, stdout: stdout.text(), stderr: stderr.text() }
}

function sink() {
  const written = []
  return { write: (text) => void written.push(text), text: () => written.join('') }
}

/** Runs `dev` until the test ends. */
async function startDev(t, args = ['--json'], folder = process.cwd(), env = {}) {
  const signals = new EventEmitter()
  const written = new EventEmitter()
  const text = once(written, 'text')
  const stderr = sink()
  const surroundings = /** @type {any} */ ({
    stdout: { write: (text) => written.emit('text', text) },
    stderr,
    env,
    cwd: () => folder,
    once: signals.once.bind(signals),
  })
  const exit = run(['dev', '--port', '0', ...args], surroundings)
  const stop = () => {
    signals.emit('SIGTERM')
    return exit
  }
  t.after(stop)
  const [line] = await text
  return { ...(args.includes('--json') ? JSON.parse(line) : null), output: line, stderr: stderr.text, stop }
}

module.exports = { cli, startDev }
