/** A Redis server with revocations, for benchmarks. */

const { spawn, spawnSync } = require('node:child_process')
const { once } = require('node:events')
const { connect, createServer } = require('node:net')
const { setTimeout: pause } = require('node:timers/promises')
const { redisStore } = require('logto-authkit/revocation')
const { Redis } = require('ioredis')
const { createClient } = require('redis')

const KEY = 'logto-authkit:revocations'

const entry = (/** @type {string} */ id, ageSeconds = 0) =>
  JSON.stringify({ v: 1, kind: 'subject', id, before: Math.floor(Date.now() / 1000) - ageSeconds })

/** Milliseconds on the monotonic clock, which all processes share on Linux. */
const machineTime = () => Number(process.hrtime.bigint() / 1000n) / 1000

/** For each library, a function that creates an unconnected client. @type {Record<string, (port: number) => any>} */
const CLIENTS = {
  ioredis: (port) => new Redis(port, { lazyConnect: true }),
  'node-redis': (port) => createClient({ url: `redis://127.0.0.1:${port}` }).on('error', () => {}),
}

/**
 * Creates a store. Only `Revocations` objects whose stores have the same identity share one copy of the revocations.
 *
 * @param {number} port
 * @param {string} [library]
 * @param {string} [identity]
 */
const storeOf = (port, library = 'ioredis', identity) => Object.assign(redisStore(CLIENTS[library](port)), { identity })

/**
 * Returns the memory usage and CPU time of Redis, and the number of bytes that Redis has sent.
 *
 * @param {number} port
 */
async function usage(port) {
  const client = new Redis(port)
  const text = await client.info()
  client.disconnect()
  const figure = (/** @type {string} */ name) => Number(new RegExp(`^${name}:(\\S+)`, 'm').exec(text)?.[1])
  return {
    bytes: figure('used_memory'),
    cpuSeconds: figure('used_cpu_user') + figure('used_cpu_sys'),
    sentBytes: figure('total_net_output_bytes'),
  }
}

/**
 * Returns the command that appends a revocation entry, in the format in which a store appends a single revocation.
 *
 * @param {string} json
 */
const xadd = (json) =>
  `*5\r\n$4\r\nXADD\r\n$${KEY.length}\r\n${KEY}\r\n$1\r\n*\r\n$1\r\ne\r\n$${json.length}\r\n${json}\r\n`

/** @param {number} port @param {number} count */
async function fill(port, count) {
  const socket = connect(port, '127.0.0.1')
  let replies = 0
  socket.setEncoding('latin1').on('data', (text) => {
    replies += String(text).split('$').length - 1
  })
  for (let i = 0; i < count; i += 1000) {
    const commands = Array.from({ length: 1000 }, (_, n) => xadd(entry(`user-${i + n}`)))
    if (!socket.write(commands.join(''))) await once(socket, 'drain')
  }
  while (replies < count) await pause(10)
  socket.destroy()
}

/**
 * Appends revocation entries at a fixed rate. The id in each entry begins with the current time.
 *
 * @param {number} port
 * @param {number} perSecond
 * @param {number} seconds
 */
async function append(port, perSecond, seconds) {
  const socket = connect(port, '127.0.0.1').resume()
  const start = performance.now()
  for (let sent = 0; sent < perSecond * seconds; ) {
    const due = Math.min(perSecond * seconds, Math.floor(((performance.now() - start) / 1000) * perSecond))
    const commands = Array.from({ length: due - sent }, (_, n) => xadd(entry(`${machineTime()} ${sent + n}`)))
    if (commands.length > 0 && !socket.write(commands.join(''))) await once(socket, 'drain')
    sent = due
    await pause(2)
  }
  socket.end()
}

async function startRedis() {
  if (spawnSync('redis-server', ['--version']).status !== 0) throw new Error('redis-server is not installed')
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = /** @type {import('node:net').AddressInfo} */ (probe.address())
  probe.close()
  const server = spawn('redis-server', ['--port', `${port}`, '--bind', '127.0.0.1', '--save', ''], { stdio: 'ignore' })
  const client = new Redis(port, { retryStrategy: () => 20 }).on('error', () => {})
  await client.ping()
  client.disconnect()
  const stop = async () => {
    server.kill('SIGKILL')
    await once(server, 'exit')
  }
  return { port, stop }
}

module.exports = { CLIENTS, KEY, append, entry, fill, machineTime, startRedis, storeOf, usage }
