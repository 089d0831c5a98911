// Starts two instances of the API in app.mjs, Redis and an identity server, and serves a page for suspending users and
// signing them out. With --check, does both without a page, and exits with 1 if a rejection takes over a second.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { check } from './check.mjs'
import { call, startScene } from './scene.mjs'

/** Time between two calls to an instance, in milliseconds. */
const CALL_EVERY_MS = 100

const scene = await startScene().catch((error) => {
  console.error(error.message)
  process.exit(1)
})

if (process.argv.includes('--check')) {
  process.exitCode = (await check(scene)) ? 0 : 1
  await scene.close()
} else {
  const server = createServer(respond).listen(process.env.PORT ?? 3000, '127.0.0.1')
  await once(server, 'listening')
  console.log(`Open http://127.0.0.1:${server.address().port}`)
  console.log(scene.instances.map((url, i) => `Instance ${i + 1} of the API: ${url}`).join('\n'))
  console.log(`Redis: ${scene.redis}`)
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => scene.close().then(() => process.exit()))
}

/** Serves the page and its stream of calls, and handles its buttons. */
async function respond(request, response) {
  const { pathname, searchParams } = new URL(request.url, 'http://localhost')
  if (request.method === 'GET' && pathname === '/') {
    return response
      .setHeader('Content-Type', 'text/html; charset=utf-8')
      .end(readFileSync(new URL('page.html', import.meta.url)))
  }
  if (request.method === 'GET' && pathname === '/calls') return streamCalls(response)
  const action = ['signIn', 'signOut', 'suspend', 'liftSuspension'].find((name) => pathname === `/${name}`)
  const isOwnPage = request.headers.origin === `http://${request.headers.host}`
  if (request.method !== 'POST' || !action || !isOwnPage || !scene.users.has(searchParams.get('user')))
    return response.writeHead(404).end()
  await scene[action](searchParams.get('user')).then(
    () => response.writeHead(204).end(),
    ({ message }) => response.writeHead(400).end(message),
  )
}

/** Calls both instances with each user's token, and sends the responses to the page (server-sent events). */
function streamCalls(response) {
  response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' }).flushHeaders()
  const timer = setInterval(() => {
    for (const user of scene.users.values()) {
      if (user.token !== null) for (const [i, instance] of scene.instances.entries()) send(user, i, instance)
    }
  }, CALL_EVERY_MS)
  response.once('close', () => clearInterval(timer))

  async function send(user, i, instance) {
    const { name, revokedAt } = user
    const answer = await call(instance, user).catch(({ message }) => message)
    const afterMs = revokedAt === null ? null : Math.round(performance.now() - revokedAt)
    response.write(`data: ${JSON.stringify({ user: name, instance: i, answer, afterMs })}\n\n`)
  }
}
