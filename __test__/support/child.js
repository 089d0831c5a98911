/** Runs a function in a new process, where it can crash, exit or have another environment. */

const { spawn } = require('node:child_process')
const { once } = require('node:events')

/** Environment variables of this machine that would affect certificates and proxies. */
const AMBIENT_VARIABLE_PATTERN = /^((https?|all|no)_proxy|node_extra_ca_certs|ssl_cert_(file|dir))$/i

/**
 * Returns what the function prints and how its process ends. The function is passed as source text, so it can use only
 * its argument, the globals of Node.js, and `require`, which resolves from this folder.
 */
async function inChild(/** @type {(data: any) => unknown} */ script, data = null, env = {}) {
  return run(['--eval', `(${script})(${JSON.stringify(data)})`], env)
}

/** Runs the source of an ES module, which may use top-level await. */
async function moduleInChild(text) {
  return run(['--input-type=module', '--eval', text])
}

async function run(args, env) {
  const inherited = Object.entries(process.env).filter(([name]) => !AMBIENT_VARIABLE_PATTERN.test(name))
  const child = spawn(process.execPath, args, {
    cwd: __dirname,
    env: /** @type {NodeJS.ProcessEnv} */ ({ ...Object.fromEntries(inherited), ...env }),
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 300_000,
  })
  let [stdout, stderr] = ['', '']
  /** The time of the last output. */
  let lastOutput = Date.now()
  child.stdout.setEncoding('utf8').on('data', (chunk) => {
    stdout += chunk
    lastOutput = Date.now()
  })
  child.stderr.setEncoding('utf8').on('data', (chunk) => {
    stderr += chunk
  })
  /** @type {[number | null, NodeJS.Signals | null]} */
  const [code, signal] = /** @type {any} */ (await once(child, 'close'))
  return { code, signal, stdout, stderr, lingered: Date.now() - lastOutput }
}

module.exports = { inChild, moduleInChild }
