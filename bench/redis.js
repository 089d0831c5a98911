/** A Redis server with revocations, for benchmarks. */

const { spawn } = require('node:child_process')
const { once } = require('node:events')
const { connect, createServer } = require('node:net')
const { setTimeout: pause } = require('node:timers/promises')
const { createRevocations, redisStore } = require('logto-authkit/revocation')
const { Redis } = require('ioredis')

const KEY = 'logto-authkit:revocations'

const entry = (/** @type {string} */ id) =>
  JSON.stringify({ v: 1, kind: 'subject', id, before: Math.floor(Date.now() / 1000) })

/** Milliseconds on the monotonic clock, which all processes share on Linux. */
const machineTime = () => Number(process.hrtime.bigint() / 1000n) / 1000

/** @param {number} port */
const mirror = (port) => createRevocations({ store: separate(redisStore(new Redis(port, { lazyConnect: true }))) })

/** Makes revocations in one process keep separate entries. @param {import('logto-authkit/revocation').RevocationStore} store */
const separate = (store) => Object.assign(store, { identity: undefined })

/** Appends entries in the form in which single revocations are stored. @param {number} port @param {number} count */
async function fill(port, count) {
  const socket = connect(port, '127.0.0.1')
  let replies = 0
  socket.setEncoding('latin1').on('data', (text) => {
    replies += String(text).split('$').length - 1
  })
  for (let i = 0; i < count; i += 1000) {
    const commands = Array.from({ length: 1000 }, (_, n) => {
      const json = entry(`user-${i + n}`)
      return `*5\r\n$4\r\nXADD\r\n$${KEY.length}\r\n${KEY}\r\n$1\r\n*\r\n$1\r\ne\r\n$${json.length}\r\n${json}\r\n`
    })
    if (!socket.write(commands.join(''))) await once(socket, 'drain')
  }
  while (replies < count) await pause(10)
  socket.destroy()
}

async function startRedis() {
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

module.exports = { KEY, entry, fill, machineTime, mirror, separate, startRedis }
