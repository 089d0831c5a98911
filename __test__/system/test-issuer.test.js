/** The test issuer in a separate process: how long the process lives, and what it loads. */

const assert = require('node:assert/strict')
const { dirname, join } = require('node:path')
const { test } = require('node:test')
const { moduleInChild } = require('../support/child')

const MODULE = join(__dirname, '../../js/testing/index.js')

test('an open issuer with connections does not keep a process alive', async () => {
  const { stdout } = await run(`
    const issuer = await createTestIssuer()
    const socket = (await import('node:net')).connect(new URL(issuer.logtoUrl).port, '127.0.0.1').unref()
    await new Promise((resolve) => socket.write('GET /oidc/jwks HTTP/1.1\\r\\n', resolve))
    console.log((await fetch(issuer.jwksUri)).status)`)
  assert.equal(stdout, '200\n')
})

test('a process stays alive until its requests to the issuer and close() are done', async () => {
  const { stdout } = await run(`
    const issuer = await createTestIssuer()
    const answers = await Promise.all(Array.from({ length: 50 }, () => fetch(issuer.jwksUri)))
    console.log(answers.filter((answer) => answer.ok).length)
    await issuer.rotateKeys({ alg: 'RS256' })
    issuer.setOutage('hang')
    console.log(await fetch(issuer.jwksUri, { signal: AbortSignal.timeout(20) }).catch((error) => error.name))
    await issuer.close()
    console.log('closed')`)
  assert.equal(stdout, '50\nTimeoutError\nclosed\n')
})

test('loads no module from another folder', async () => {
  const { stdout } = await run('console.log(JSON.stringify(Object.keys(require.cache)))')
  for (const path of JSON.parse(stdout)) assert.equal(dirname(path), dirname(MODULE))
})

/** Returns the output of a process that uses the test issuer. */
async function run(body) {
  const { code, stdout, stderr } = await moduleInChild(`import { createRequire } from 'node:module'
    const require = createRequire(import.meta.url)
    const { createTestIssuer } = require(${JSON.stringify(MODULE)})
    ${body}`)
  assert.equal(code, 0, stderr)
  return { stdout }
}
