/** The server process of `soak.js`: verifies tokens at full load and samples its memory. */

const http = require('node:http')
const { createVerifier, verifyAuth } = require('logto-authkit')
const { verdict } = require('../support/helpers')
const { endInWorker, verifyInWorker } = require('../support/worker')
const { asking, startLoad, sum } = require('./load')

/** The interval at which the load pauses for a memory sample. */
const SAMPLE_MS = 5000

const options = JSON.parse(process.argv[2])
const load = startLoad(asking(createVerifier(options)))
let phases = [load.current()]
const samples = []
let working = Promise.resolve()

const server = http.createServer(async (request, response) => {
  const found = await verdict(verifyAuth(request, { ...options }))
  response.writeHead(found === 'accepted' ? 200 : 401, { 'X-Verdict': found }).end()
})

// Otherwise the server could close an idle connection while a request arrives.
server.keepAliveTimeout = 0

const CALLS = {
  listen: () =>
    new Promise((resolve) => {
      server.listen(0, '127.0.0.1', () =>
        resolve(/** @type {import('node:net').AddressInfo} */ (server.address()).port),
      )
    }),
  async use({ use, graceMs }) {
    const ended = load.phase(graceMs)
    await load.use(use)
    phases = [sum([...phases, await ended])]
  },
  work: ({ work, end }) => {
    const done = (end === null ? verifies(work) : endInWorker(work, end)).then(
      () => null,
      (error) => String(error),
    )
    working = done.then(() => {})
    return done
  },
  async end() {
    clearInterval(sampling)
    await load.stop()
    server.close()
    server.closeAllConnections()
    return { figures: sum([...phases, load.current()]), samples }
  },
}

const sampling = setInterval(async () => {
  await working
  await load.rest(async () => {
    for (let turn = 0; turn < 4; turn += 1) {
      await new Promise((resolve) => setImmediate(resolve))
      globalThis.gc?.()
    }
    samples.push(process.memoryUsage.rss() / 2 ** 20)
  })
}, SAMPLE_MS)

async function verifies(task) {
  const { answered, exited } = verifyInWorker(task)
  const [{ userId }, code] = await Promise.all([answered, exited])
  if (userId !== 'alice' || code !== 0) throw new Error(`${userId}, exit code ${code}`)
}

process.on('message', async (/** @type {any} */ message) => {
  const name = Object.keys(CALLS).find((name) => name in message)
  const answer = await CALLS[String(name)](message)
  process.send?.({ id: message.id, answer }, () => name === 'end' && process.disconnect())
})
// The parent has finished, or failed.
process.once('disconnect', () => {
  clearInterval(sampling)
  load.stop().then(() => server.close())
})
// The parent reads this from standard output, which is a pipe.
process.on('exit', () =>
  console.log(JSON.stringify(process.getActiveResourcesInfo().filter((name) => name !== 'PipeWrap'))),
)
