/** Functions of a module, called in a process of its own. */

const { fork } = require('node:child_process')
const { once } = require('node:events')

class Child {
  #process

  /**
   * @param {string} file - whose exports can be called
   * @param {string[]} [execArgv] - options of Node
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
    const isOver = new AbortController()
    const { signal } = isOver
    child.send({ name, data })
    try {
      const answers = once(child, 'message', { signal })
      const end = once(child, 'exit', { signal }).then(([code]) => [{ error: `${name} has ended with ${code}` }])
      const [{ error, answer }] = await Promise.race([answers, end])
      Promise.allSettled([answers, end])
      if (error !== undefined) throw new Error(error)
      return answer
    } finally {
      isOver.abort()
    }
  }

  async stop() {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return
    this.#process.kill()
    await once(this.#process, 'exit')
  }
}

/**
 * One call in a fresh process.
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
      process.send?.({ answer: await require(process.argv[2])[name](data) })
    } catch (error) {
      process.send?.({ error: /** @type {Error} */ (error).stack })
    }
  })
}

module.exports = { Child, inChild }
