/**
 * Measures the CPU time that each Redis client takes to receive a revocation, in replies with 100 and with 1,000
 * revocations. The client's decoder limits how many revocations an instance can receive.
 *
 *     node bench/redis-clients.js
 */

const { createClient } = require('redis')
const { Redis } = require('ioredis')
const { KEY, fill, startRedis } = require('./redis')
const { alternate, ratio, spread } = require('./rounds')

const PAGES = [100, 1000]
const ROUNDS = 41
const ENTRIES = 20_000

/** Connects an ioredis client whose replies contain buffers, as in `redisStore`. */
const ioredis = (/** @type {any} */ Client) => async (/** @type {number} */ port) => {
  const client = new Client(port, { lazyConnect: true })
  await client.connect()
  return { send: (/** @type {string[]} */ args) => client.callBuffer(...args), close: () => client.disconnect() }
}

const CLIENTS = {
  'ioredis 5': ioredis(require('ioredis-5').Redis),
  iovalkey: ioredis(require('iovalkey').Redis),
  'node-redis 6': async (/** @type {number} */ port) => {
    const client = await createClient({ url: `redis://127.0.0.1:${port}` }).connect()
    return { send: (/** @type {string[]} */ args) => client.sendCommand(args), close: () => client.destroy() }
  },
  'ioredis 6': ioredis(Redis),
}

async function main() {
  const redis = await startRedis()
  await fill(redis.port, Math.max(...PAGES))
  const sides = []
  for (const [name, connect] of Object.entries(CLIENTS)) sides.push({ name, ...(await connect(redis.port)) })
  for (const count of PAGES) {
    console.log(`\nµs of CPU time per revocation, ${count} per reply, and relative to the first client (quartiles)`)
    const figures = await alternate(sides, ROUNDS, async ({ send }) => {
      const before = process.cpuUsage()
      for (let i = 0; i < ENTRIES; i += count) await send(['XRANGE', KEY, '-', '+', 'COUNT', `${count}`])
      const { user, system } = process.cpuUsage(before)
      return (user + system) / ENTRIES
    })
    const [base] = [...figures.values()]
    for (const [{ name }, times] of figures) {
      const { median, low, high } = ratio(times, base)
      const relative = [median, low, high].map((figure) => figure.toFixed(2))
      console.log(
        `${name.padEnd(13)} ${spread(times).median.toFixed(2)}  ${relative[0]} (${relative[1]} to ${relative[2]})`,
      )
    }
  }
  for (const { close } of sides) close()
  await redis.stop()
}

main()
