import { fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { Browser } from './browser.mjs'
import { APP_ID, AUDIENCE, startIdentityServer } from './identity-server.mjs'
import { startRedis } from './redis.mjs'

/** Starts Redis (unless REDIS_URL is set), the identity server, and two instances of the API in separate processes. */
export async function startScene() {
  const closing = []
  const close = async () => {
    for (const end of closing.splice(0).reverse()) await end()
  }
  try {
    const { REDIS_URL } = process.env
    const redis = REDIS_URL ? { url: REDIS_URL, close() {} } : await startRedis()
    closing.push(redis.close)
    const signingKey = randomBytes(16).toString('hex')
    const server = await startIdentityServer({ signingKey })
    closing.push(server.close)

    const env = {
      ...process.env,
      LOGTO_URL: server.url,
      LOGTO_AUDIENCE: AUDIENCE,
      LOGTO_APP_ID: APP_ID,
      LOGTO_WEBHOOK_KEY: signingKey,
      REDIS_URL: redis.url,
      PORT: '0',
    }
    const startInstance = async () => {
      const child = fork(new URL('instance.mjs', import.meta.url), { env })
      closing.push(() => child.kill())
      const [port] = await once(child, 'message')
      return `http://127.0.0.1:${port}`
    }
    const instances = await Promise.all([startInstance(), startInstance()])
    // Only the first instance hears from the identity server. The second one learns everything through Redis.
    server.register(instances[0])

    const users = new Map()
    for (const name of ['alice', 'bob'])
      users.set(name, { name, browser: new Browser(server.url), token: null, revokedAt: null })
    return { close, instances, redis: redis.url, users, ...actions(server, users) }
  } catch (error) {
    await close()
    throw error
  }
}

/** The actions of users and administrators. */
const actions = (server, users) => ({
  async signIn(name) {
    const user = users.get(name)
    user.token = await user.browser.signIn(name)
    user.revokedAt = null
  },
  async signOut(name) {
    const user = users.get(name)
    user.revokedAt = performance.now()
    await user.browser.signOut()
  },
  async suspend(name) {
    users.get(name).revokedAt = performance.now()
    await server.setSuspended(name, true)
  },
  async liftSuspension(name) {
    await server.setSuspended(name, false)
  },
})

/** Calls an instance with a user's token. Returns the status, followed by the error code if there is one. */
export async function call(instance, { token }) {
  const response = await fetch(`${instance}/me`, { headers: { authorization: `Bearer ${token}` } })
  const { code } = await response.json()
  return code === undefined ? `${response.status}` : `${response.status} ${code}`
}
