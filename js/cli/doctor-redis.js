/** For `doctor --redis`, checks the server that stores revocations, with the application's Redis client. */

const { createRequire } = require('node:module')
const { join } = require('node:path')
const { setTimeout } = require('node:timers/promises')
const { connectorOf } = require('../revocation/redis-client')
const { explainRedisError } = require('./doctor-connection')
const { revocationEntriesFinding, lagFinding, streamFinding } = require('./doctor-stream')

/**
 * @typedef {import('./doctor-findings').Finding} Finding
 * @typedef {(command: string, ...args: string[]) => Promise<any>} Send
 */

/**
 * How to create an unconnected client with each Redis client package.
 *
 * @type {Record<string, (module: any, url: string) => any>}
 */
const CLIENT_FACTORIES = {
  redis: ({ createClient }, url) => createClient({ url }),
  ioredis: ({ Redis }, url) => new Redis(url, { lazyConnect: true }),
  iovalkey: ({ Redis }, url) => new Redis(url, { lazyConnect: true }),
}

const CHECKS_REQUIRING_CONNECTION = ['Persistence', 'Memory', 'Stream', 'Entries', 'Lag']

/**
 * @param {{ url: string, prefix: string, folder: string, timeout: number }} options - `folder` is the application's
 * folder.
 * @returns {Promise<Finding[]>}
 */
async function redisFindings({ url, prefix, folder, timeout }) {
  const found = findRedisClient(folder)
  if (found === undefined) {
    const names = Object.keys(CLIENT_FACTORIES).join(', ')
    return connectionFailureFindings(
      `none of the packages ${names} is installed in ${folder}`,
      'Run this command in the folder of your application. If it has no Redis client yet: npm install redis',
    )
  }
  let client
  try {
    client = found.create(url)
  } catch (error) {
    return connectionFailureFindings(
      `${found.name} rejects the URL: ${/** @type {Error} */ (error).message}`,
      'Correct the URL.',
    )
  }
  // This client is never connected. The store connects only duplicates of this client, which handle their own errors.
  client.on('error', () => {})
  const { connection, connected } = connectorOf(client).open()
  /** @type {Send} */
  const send = (...args) => withTimeout(connection.send(args, `${prefix}:revocations`), timeout)
  try {
    await withTimeout(connected, timeout)
    const info = await send('INFO').then(parseRedisInfo)
    const server = serverFinding(info, `${new URL(url).host}, through ${found.name}`)
    if (server.ok === false) return [server, ...CHECKS_REQUIRING_CONNECTION.map((check) => skippedCheckFinding(check))]
    const stream = await streamFinding(send, `${prefix}:revocations`)
    const skippedCheckFindings =
      stream.ok === false ? ['Entries', 'Lag'].map((check) => skippedCheckFinding(check, 'Stream')) : undefined
    return [
      server,
      persistenceFinding(info),
      memoryLimitFinding(info),
      stream,
      ...(skippedCheckFindings ?? [
        await revocationEntriesFinding(client, prefix),
        await lagFinding(client, prefix, send),
      ]),
    ]
  } catch (error) {
    const { found, advice } = explainRedisError(error, new URL(url).host)
    return connectionFailureFindings(found, advice)
  } finally {
    connection.close()
  }
}

/** @param {string} folder */
function findRedisClient(folder) {
  const load = createRequire(join(folder, 'package.json'))
  for (const [name, create] of Object.entries(CLIENT_FACTORIES)) {
    try {
      load.resolve(name)
    } catch {
      continue
    }
    return { name, create: (/** @type {string} */ url) => create(load(name), url) }
  }
}

/** @type {(found: string, advice: string) => Finding[]} */
const connectionFailureFindings = (found, advice) => [
  { check: 'Redis', ok: false, found, advice },
  ...CHECKS_REQUIRING_CONNECTION.map((check) => skippedCheckFinding(check)),
]

/** @type {(check: string, cause?: string) => Finding} */
const skippedCheckFinding = (check, cause = 'Redis') => ({ check, ok: null, found: `not checked, see ${cause}` })

/** @type {<T>(promise: Promise<T>, timeout: number) => Promise<T>} */
function withTimeout(promise, timeout) {
  const controller = new AbortController()
  const timeoutRejection = setTimeout(timeout, undefined, { signal: controller.signal }).then(() => {
    throw new Error(`no response within ${timeout} ms`)
  })
  return Promise.race([promise, timeoutRejection]).finally(() => controller.abort())
}

/** @type {(text: unknown) => Record<string, string>} */
const parseRedisInfo = (text) =>
  Object.fromEntries([...String(text).matchAll(/^(\w+):(.*?)\r?$/gm)].map(([, name, value]) => [name, value]))

/** @type {(info: Record<string, string>, where: string) => Finding} */
function serverFinding(info, where) {
  const isValkey = info.valkey_version !== undefined
  const version = info.valkey_version ?? info.redis_version ?? ''
  const found = `${isValkey ? 'Valkey' : 'Redis'} ${version} at ${where}`
  const [major, minor] = version.split('.').map(Number)
  const fail = (/** @type {string} */ advice) => ({ check: 'Redis', ok: false, found, advice })
  if (!isValkey && (major < 6 || (major === 6 && minor < 2))) return fail('redisStore needs Redis 6.2 or later.')
  if (info.role === 'slave')
    return fail(`This is a replica, which rejects writes. Pass the URL of its primary, ${info.master_host}.`)
  return { check: 'Redis', ok: true, found }
}

/** @type {(info: Record<string, string>) => Finding} */
function persistenceFinding(info) {
  const check = 'Persistence'
  if (info.aof_enabled === '1')
    return { check, ok: true, found: 'append-only file; with everysec, a crash of the machine loses up to a second' }
  if (Number(info.connected_slaves) > 0)
    return { check, ok: true, found: 'no append-only file, but a replica that takes over has the revocations' }
  return {
    check,
    ok: false,
    found: 'no append-only file and no replica, so a restart loses revocations',
    advice: 'Set `appendonly yes` in redis.conf. Snapshots (`save`) lose the revocations of the last minutes.',
  }
}

/** @type {(info: Record<string, string>) => Finding} */
function memoryLimitFinding({ maxmemory, maxmemory_policy: policy = 'unknown' }) {
  const check = 'Memory'
  if (!(Number(maxmemory) > 0)) return { check, ok: true, found: 'no limit (maxmemory is 0)' }
  // The `volatile-*` policies evict only keys with an expiry, and the stream has none.
  if (policy === 'noeviction' || policy.startsWith('volatile-'))
    return { check, ok: true, found: `maxmemory-policy is ${policy}, so the stream is never evicted` }
  const advice = 'Set `maxmemory-policy noeviction`, or use a server of its own: an evicted stream is lost.'
  return { check, ok: false, found: `maxmemory-policy is ${policy}, which can evict the stream`, advice }
}

module.exports = { redisFindings }
