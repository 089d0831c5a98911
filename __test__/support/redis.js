/** Redis servers for tests: real processes on free ports, with their data in temporary folders. */

const { spawn, spawnSync } = require('node:child_process')
const { once } = require('node:events')
const { mkdtempSync, rmSync, writeFileSync } = require('node:fs')
const { connect, createServer } = require('node:net')
const { tmpdir } = require('node:os')
const { join } = require('node:path')
const { setTimeout } = require('node:timers/promises')
const { freePort } = require('./servers')
const { until } = require('./until')

/** The reason for skipping tests, or false. */
const NO_REDIS = spawnSync('redis-server', ['--version']).status === 0 ? false : 'redis-server is not installed'

class RedisServer {
  folder = mkdtempSync(join(tmpdir(), 'logto-authkit-redis-'))
  #args
  /** @type {import('node:child_process').ChildProcess | undefined} */
  #process
  port

  constructor(port, args) {
    this.port = port
    this.#args = args
  }

  get url() {
    return `redis://127.0.0.1:${this.port}`
  }

  /** Starts the server, or starts it again with its data. */
  async start() {
    const args = ['--port', `${this.port}`, '--bind', '127.0.0.1', '--dir', this.folder, '--save', '', ...this.#args]
    // A Sentinel rewrites its configuration file.
    const [file, ...rest] = this.#args[0] === 'sentinel' ? [this.#sentinelFile(), '--sentinel'] : args
    this.#process = spawn('redis-server', [file, ...rest], { stdio: 'ignore' })
    await until(async () => (await this.command('PING')) === '+PONG\r\n')
  }

  #sentinelFile() {
    const file = join(this.folder, 'sentinel.conf')
    writeFileSync(file, [`port ${this.port}`, 'bind 127.0.0.1', ...this.#args.slice(1)].join('\n'))
    return file
  }

  /** Sends an inline command on a new connection. Returns the start of the reply, or null if the connection fails. */
  command(text) {
    return new Promise((resolve) => {
      const socket = connect(this.port, '127.0.0.1', () => socket.write(`${text}\r\n`))
      socket
        .setEncoding('utf8')
        .once('data', (reply) => resolve(`${reply}`))
        .once('data', () => socket.destroy())
      socket.once('error', () => resolve(null))
    })
  }

  /** Sends a signal to the process. */
  async kill(signal = 'SIGKILL') {
    if (this.#process === undefined || this.#process.exitCode !== null || this.#process.signalCode !== null) return
    const ended = signal === 'SIGKILL' || signal === 'SIGTERM' ? once(this.#process, 'exit') : undefined
    this.#process.kill(/** @type {NodeJS.Signals} */ (signal))
    await ended
  }

  async stop() {
    await this.kill()
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** Starts a server that stops after the test. */
async function startRedis(t, ...args) {
  const server = new RedisServer(await freePort(), args)
  t.after(() => server.stop())
  await server.start()
  return server
}

/** A TCP proxy that can be cut off, made to hang, or slowed down. */
async function startTcpProxy(t, target) {
  const sockets = new Set()
  const proxy = {
    port: 0,
    target,
    delay: 0,
    isCut: false,
    connections: 0,
    cut,
    mend: () => {
      proxy.isCut = false
    },
    close: () => {
      cut()
      server.close()
    },
  }
  const server = createServer((client) => {
    proxy.connections += 1
    if (proxy.isCut) return void client.destroy()
    const upstream = connect(proxy.target, '127.0.0.1')
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ]) {
      sockets.add(from)
      let pending = 0
      let previous = Promise.resolve()
      from.on('data', (chunk) => {
        if (proxy.delay === 0 && pending === 0) return void (to.writable && to.write(chunk))
        // In the order of arrival, even if the delay has become shorter.
        pending += 1
        previous = Promise.all([previous, setTimeout(proxy.delay)]).then(() => {
          pending -= 1
          if (to.writable) to.write(chunk)
        })
      })
      from.on('error', () => {})
      from.on('close', () => {
        sockets.delete(from)
        to.destroy()
      })
    }
  })
  function cut() {
    proxy.isCut = true
    for (const socket of sockets) socket.destroy()
  }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  proxy.port = /** @type {import('node:net').AddressInfo} */ (server.address()).port
  t.after(proxy.close)
  return proxy
}

module.exports = { NO_REDIS, freePort, startRedis, startTcpProxy }
