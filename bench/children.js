/** Calls the functions of a module in a separate process. */

const { fork } = require('node:child_process')
const { once } = require('node:events')

class Child {
  #process

  /**
   * @param {string} file - A module whose exports can be called.
   * @param {string[]} [execArgv] - Node options.
   */
  constructor(file, execArgv = ['--expose-gc']) {
    const env = { ...process.env, NODE_ENV: 'production' }
    this.#process = fork(__filename, [file], { execArgv, env, serialization: 'advanced' })
  }

  /**
   * @param {string} name
   * @param {unknown} [data]
   * @returns {Promise<any>}
   */
  async call(name, data) {
    const child = this.#process
    const settled = new AbortController()
    const { signal } = settled
    child.send({ name, data })
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

  async stop() {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return
    this.#process.kill()
    await once(this.#process, 'exit')
  }
}

/**
 * Calls one function in a new process.
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

module.exports = { Child, inChild }
