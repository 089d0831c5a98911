// A second process of the API, which `revocation.js` starts. It responds with its verdict on a token.

const { createServer } = require('node:http')
const { createVerifier } = require('logto-authkit')
const { createRevocations, redisStore } = require('logto-authkit/revocation')
const { createClient } = require('redis')

const [redisUrl, options] = process.argv.slice(2)

async function main() {
  const client = await createClient({ url: redisUrl }).connect()
  const revocations = createRevocations({ store: redisStore(client) })
  const verifier = createVerifier({ ...JSON.parse(options), revocations })
  const server = createServer((req, res) =>
    verifier.verify(req).then(
      () => res.end('200'),
      ({ status, code }) => res.writeHead(status).end(`${status} ${code}`),
    ),
  )
  await revocations.ready()
  server.listen(0, '127.0.0.1', () => {
    const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
    process.send?.(port)
  })
}

main()
