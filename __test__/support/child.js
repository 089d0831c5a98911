/** Runs a function in a process of its own, where it can crash, exit, or have another environment. */

const { spawn } = require('node:child_process')
const { once } = require('node:events')

/** Settings of the machine that runs the tests, which are about certificates and proxies. */
const AMBIENT = /^((https?|all|no)_proxy|node_extra_ca_certs|ssl_cert_(file|dir))$/i

/**
 * What the function writes to the console, and how its process ends. The function is sent as text: it sees nothing but its
 * argument, Node's globals and `require` as of this folder.
 *
 * @template T
 * @param {(data: T) => unknown} script
 * @param {T} data - JSON
 * @param {Record<string, string>} [env]
 */
async function inChild(script, data, env) {
  return run(['--eval', `(${script})(${JSON.stringify(data)})`], env)
}

/**
 * The same for the text of an ES module, which may await at its top level.
 *
 * @param {string} text
 */
async function moduleInChild(text) {
  return run(['--input-type=module', '--eval', text])
}

/**
 * @param {string[]} args
 * @param {Record<string, string>} [env]
 */
async function run(args, env) {
  const inherited = Object.entries(process.env).filter(([name]) => !AMBIENT.test(name))
  const child = spawn(process.execPath, args, {
    cwd: __dirname,
    env: /** @type {NodeJS.ProcessEnv} */ ({ ...Object.fromEntries(inherited), ...env }),
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 30_000,
  })
  let [stdout, stderr] = ['', '']
  /** When the child last wrote to its console. */
  let spoke = Date.now()
  child.stdout.setEncoding('utf8').on('data', (chunk) => {
    stdout += chunk
    spoke = Date.now()
  })
  child.stderr.setEncoding('utf8').on('data', (chunk) => {
    stderr += chunk
  })
  /** @type {[number | null, NodeJS.Signals | null]} */
  const [code, signal] = /** @type {any} */ (await once(child, 'close'))
  return { code, signal, stdout, stderr, lingered: Date.now() - spoke }
}

module.exports = { inChild, moduleInChild }
