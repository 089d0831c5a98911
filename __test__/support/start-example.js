/** Runs an example in a process of its own, with a test issuer. */

const { spawn } = require('node:child_process')
const { once } = require('node:events')
const { join } = require('node:path')
const { createInterface } = require('node:readline')
const { bearer } = require('./frameworks')
const { startIssuer } = require('./helpers')
const { AUDIENCE } = require('./tokens')

const EXAMPLES = join(__dirname, '../../examples')

/** Starts an example and an issuer on free ports. */
async function start(t, path, stderr) {
  const issuer = await startIssuer(t)
  const token = (claims) => bearer(issuer.mint({ audience: AUDIENCE, ...claims }))
  return { ...(await launch(t, path, issuer.logtoUrl, stderr)), issuer, token }
}

async function launch(t, path, logtoUrl, stderr = 'inherit', env = {}) {
  const example = spawn(process.execPath, [path], {
    env: {
      ...process.env,
      LOGTO_URL: logtoUrl,
      LOGTO_AUDIENCE: AUDIENCE,
      PORT: '0',
      ...env,
      NODE_OPTIONS: `--import=${ANNOUNCE}`,
    },
    stdio: ['ignore', 'pipe', /** @type {'inherit'} */ (stderr)],
  })
  t.after(() => example.kill())
  const stdout = /** @type {import('node:stream').Readable} */ (example.stdout)
  const [port] = await once(createInterface(stdout), 'line')
  return { url: `http://127.0.0.1:${port}`, example }
}

/** Prints the port of the server, because the examples do not. */
const ANNOUNCE = `data:text/javascript,${encodeURIComponent(`
  import { Server } from 'node:net'
  const listen = Server.prototype.listen
  Server.prototype.listen = function (...args) {
    // tsx also listens on a pipe, which has no port.
    return listen.apply(this, args).once('listening', () => this.address().port && console.log(this.address().port))
  }
`)}`

module.exports = { ANNOUNCE, EXAMPLES, launch, start }
