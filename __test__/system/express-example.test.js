const assert = require('node:assert/strict')
const { spawn } = require('node:child_process')
const { once } = require('node:events')
const { join } = require('node:path')
const { createInterface } = require('node:readline')
const { test } = require('node:test')
const { pathToFileURL } = require('node:url')
const { ask, bearer, serve } = require('../support/frameworks')
const { AUDIENCE, startIssuer } = require('../support/helpers')

const EXAMPLE = join(__dirname, '../../examples/express')

test('each route of the Express example is open only to the documented clients', async (t) => {
  const issuer = await startIssuer(t)
  const { createApp } = await import(pathToFileURL(join(EXAMPLE, 'app.mjs')).href)
  const url = await serve(t, createApp({ logtoUrl: issuer.logtoUrl, audience: AUDIENCE }))
  const reply = async (route, claims = undefined) => {
    const [method, path] = route.split(' ')
    const { status, body } = await ask(url + path, { method, ...(claims && bearer(issuer.mint(claims))) })
    const content = JSON.parse(body)
    return status === 200 ? content : content.code
  }

  assert.deepEqual(await reply('GET /'), { shop: 'open' })
  assert.deepEqual(await reply('GET /', { expiresIn: -1 }), { shop: 'open' })

  const guest = await reply('GET /cart')
  assert.match(guest.cart, /^cart of guest [0-9a-f-]{36}$/)
  assert.equal(guest.signedOut, false)
  assert.equal((await reply('GET /cart', { expiresIn: -1 })).signedOut, true)
  assert.deepEqual(await reply('GET /cart', { sub: 'alice' }), { cart: 'cart of user alice' })

  assert.equal(await reply('GET /me'), 'missing_token')
  assert.deepEqual(await reply('GET /me', { sub: 'alice' }), { userId: 'alice', subjectType: 'user', scopes: [] })

  assert.equal(await reply('GET /orders'), 'missing_token')
  assert.equal(await reply('GET /orders', { scope: 'read' }), 'missing_scope')
  assert.deepEqual(await reply('GET /orders', { sub: 'alice', scope: 'read:orders' }), { orders: ['Order 1 of alice'] })
  const machine = { sub: 'app', clientId: 'app', scope: 'write:orders' }
  assert.equal(await reply('DELETE /orders/7', machine), 'missing_role')
  assert.deepEqual(await reply('DELETE /orders/7', { scope: 'write:orders' }), { deleted: '7' })

  const invoices = 'GET /organizations/acme/invoices'
  assert.equal(await reply(invoices, { scope: 'read:invoices' }), 'wrong_organization')
  assert.equal(await reply(invoices, { scope: 'read:invoices', organizationId: 'other' }), 'wrong_organization')
  assert.equal(await reply(invoices, { organizationId: 'acme' }), 'missing_scope')
  assert.deepEqual(await reply(invoices, { scope: 'read:invoices', organizationId: 'acme' }), {
    invoices: ['Invoice 1 of acme'],
  })
})

test('the commands that the Express example prints do what they say', { timeout: 300_000 }, async (t) => {
  const env = { ...process.env, PORT: '0', LOGTO_URL: '' }
  const example = spawn(process.execPath, [join(EXAMPLE, 'main.mjs')], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => example.kill())
  const commands = []
  for await (const line of createInterface(example.stdout)) {
    if (line.startsWith('curl ')) commands.push(line)
    if (commands.length === 7) break
  }
  const statuses = []
  for (const command of commands) {
    const [, url, , authorization] = /^curl -iw '\\n' (\S+)( -H "Authorization: (.*)")?$/.exec(command) ?? []
    statuses.push((await ask(url, { headers: authorization ? { authorization } : {} })).status)
  }
  assert.deepEqual(statuses, [200, 200, 200, 200, 403, 200, 403])
})

test('the Express example accepts tokens of the Logto server in LOGTO_URL', { timeout: 300_000 }, async (t) => {
  const issuer = await startIssuer(t)
  const env = { ...process.env, PORT: '0', LOGTO_URL: issuer.logtoUrl, AUDIENCE }
  const example = spawn(process.execPath, [join(EXAMPLE, 'main.mjs')], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => example.kill())
  const [line] = await once(createInterface(example.stdout), 'line')
  const url = line.replace('API listening on ', '')
  assert.equal((await ask(`${url}/me`, bearer(issuer.mint()))).status, 200)
})
