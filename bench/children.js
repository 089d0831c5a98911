/** Calls the functions of a module in a separate process. */

const { fork } = require('node:child_process')
const { once } = require('node:events')

class Child {
  #process

  /**
   * @param {string} file - The path of the module.
   * @param {string[]} [execArgv] - Node options.
   * @param {string} [cores] - The cores on which the process may run, for example `0,1`. Linux only.
   */
  constructor(file, execArgv = ['--expose-gc'], cores) {
    // Warnings about rejected tokens, which the cases send on purpose, would hide the results.
    const env = { ...process.env, NODE_ENV: 'production', NODE_NO_WARNINGS: '1' }
    const command = cores === undefined ? { execArgv } : pinToCores(cores, execArgv)
    this.#process = fork(__filename, [file], { ...command, env, serialization: 'advanced' })
  }

  get pid() {
    return this.#process.pid
  }

  /**
   * @param {string} name
   * @param {unknown} [data]
   */
  call(name, data) {
    return callIn(this.#process, name, data)
  }

  async stop() {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return
    this.#process.kill()
    await once(this.#process, 'exit')
  }
}

/**
 * Returns `fork` options that restrict Node to the given cores. `taskset` replaces itself with Node, so the process id
 * and the IPC channel stay the same.
 *
 * @param {string} cores
 * @param {string[]} nodeArguments
 */
function pinToCores(cores, nodeArguments) {
  return { execPath: 'taskset', execArgv: ['--cpu-list', cores, process.execPath, ...nodeArguments] }
}

/**
 * Calls a function in a child process that runs children.js.
 *
 * @param {import('node:child_process').ChildProcess} child
 * @param {string} name
 * @param {unknown} [data]
 * @returns {Promise<any>}
 */
async function callIn(child, name, data) {
  const settled = new AbortController()
  const { signal } = settled
  child.send(/** @type {any} */ ({ name, data }))
  try {
    const reply = once(child, 'message', { signal })
    const exit = once(child, 'exit', { signal }).then(([code]) => [{ error: `${name} exited with ${code}` }])
    const [{ error, result }] = await Promise.race([reply, exit])
    Promise.allSettled([reply, exit])
    if (error !== undefined) throw new Error(error)
    return result
  } finally {
    settled.abort()
  }
}

/**
 * Calls a function of a module in a new process.
 *
 * @param {string} file
 * @param {string} name
 * @param {unknown} [data]
 * @param {string[]} [execArgv]
 */
async function inChild(file, name, data, execArgv) {
  const child = new Child(file, execArgv)
  try {
    return await child.call(name, data)
  } finally {
    await child.stop()
  }
}

if (require.main === module) {
  process.on('message', async (/** @type {any} */ { name, data }) => {
    try {
      process.send?.({ result: await require(process.argv[2])[name](data) })
    } catch (error) {
      process.send?.({ error: /** @type {Error} */ (error).stack })
    }
  })
}

module.exports = { Child, callIn, inChild, pinToCores }
