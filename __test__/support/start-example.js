/** Runs an example in a separate process, with a test issuer. */

const { spawn } = require('node:child_process')
const { readFileSync } = require('node:fs')
const { join, resolve } = require('node:path')
const { createInterface } = require('node:readline')
const { buildSync } = require('esbuild')
const { temporaryFolder } = require('./files')
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
  const port = await new Promise((resolve, reject) => {
    // Frameworks may print their own lines.
    createInterface(stdout).on('line', (line) => /^\d+$/.test(line) && resolve(line))
    example.once('exit', (code) => reject(new Error(`${path} exited with ${code}`)))
  })
  return { url: `http://127.0.0.1:${port}`, example }
}

/** Compiles an example or another file that is written in TypeScript, and returns the path of the output. */
function compile(t, path) {
  const outfile = join(temporaryFolder(t, join(EXAMPLES, '.compiled-')).folder, 'main.mjs')
  buildSync({
    entryPoints: [resolve(EXAMPLES, path)],
    outfile,
    bundle: true,
    packages: 'external',
    format: 'esm',
    platform: 'node',
    tsconfigRaw: { compilerOptions: { experimentalDecorators: true } },
  })
  return outfile
}

/** Like `compile`, with decorator metadata, which NestJS needs for GraphQL and esbuild does not emit. */
function compileWithMetadata(t, path) {
  const { transpileModule } = require('typescript-6')
  const compilerOptions = { module: 99, target: 10, experimentalDecorators: true, emitDecoratorMetadata: true }
  const { outputText } = transpileModule(readFileSync(join(EXAMPLES, path), 'utf8'), { compilerOptions })
  return temporaryFolder(t, join(EXAMPLES, '.compiled-')).save('main.mjs', outputText)
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

module.exports = { ANNOUNCE, EXAMPLES, compile, compileWithMetadata, launch, start }
