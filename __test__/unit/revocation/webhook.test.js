const assert = require('node:assert/strict')
const { once } = require('node:events')
const { createServer } = require('node:http')
const { connect } = require('node:net')
const { describe, test } = require('node:test')
const { contract } = require('../../../js/core/contract')
const { RECORDED, SIGNING_KEY, headersFor, signature, startRevocations } = require('../../support/webhooks')
const { startServer } = require('../../support/helpers')
const { bodyReaders, express } = require('../../support/bodies')
const { listen } = require('../../support/servers')
const { fastifyAdapter, nestServer } = require('../../support/nest')

const HOOK = { signingKey: SIGNING_KEY }
const SUSPEND = RECORDED.find(({ name }) => name === 'suspend carol')?.body ?? ''
const SUSPENDED = { '{"id":"fpx5zuj3x4u6","kind":"subject"}': 1_795_646_205 }

/** A fetch request of a webhook. */
const request = (body, headers = headersFor(body), method = 'POST') =>
  new Request('http://localhost/hook', { method, headers, ...(method === 'POST' && { body }) })

/** @type {(response: Response) => Promise<any>} */
const json = (response) => response.json()

const event = (name, members = {}) =>
  JSON.stringify({ event: name, createdAt: '2026-11-25T22:36:45.679Z', hookId: 'h', ...members })

/** Sends a request to a server, and returns the status and the parsed body. */
async function post(url, body, headers = headersFor(body)) {
  const response = await fetch(url, { method: 'POST', body, headers })
  const text = await response.text()
  return { status: response.status, body: text === '' ? null : JSON.parse(text) }
}

describe('webhook', () => {
  test('revokes what each recorded event concerns', async (t) => {
    const { store, revocations } = startRevocations(t)
    const hook = revocations.webhook(HOOK)
    for (const { name, body, signature } of RECORDED) {
      const response = await hook(request(body, { 'logto-signature-sha-256': signature }))
      assert.equal(response.status, 200, name)
    }
    assert.deepEqual(store.table(), {
      '{"id":"1g1ac7fiz93x","kind":"subject"}': 1_795_646_233, // deleted
      '{"id":"fpx5zuj3x4u6","kind":"member","organization":"czr1gev6wu0u"}': 1_795_646_216,
      '{"id":"fpx5zuj3x4u6","kind":"subject"}': 1_795_646_210, // suspended, then the password was changed
      '{"id":"yfbs6muqr0o5","kind":"organization"}': 1_795_646_235,
    })
  })

  test('takes the time from the event, so that a repeated or late one changes nothing', async (t) => {
    const { store, revocations } = startRevocations(t)
    const hook = revocations.webhook(HOOK)
    for (let i = 0; i < 3; i += 1) assert.equal((await hook(request(SUSPEND))).status, 200)
    assert.deepEqual(store.table(), SUSPENDED)
    assert.equal(revocations.stats().entries, 1)
  })

  test('accepts the signatures of several keys while one is being replaced', async (t) => {
    const { revocations } = startRevocations(t)
    const hook = revocations.webhook({ signingKey: ['new', 'old'] })
    for (const [key, status] of /** @type {const} */ ([
      ['new', 200],
      ['old', 200],
      ['older', 401],
    ])) {
      assert.equal((await hook(request(SUSPEND, headersFor(SUSPEND, key)))).status, status, key)
    }
  })

  test('rejects a wrong signature with 401, before it reads the event', async (t) => {
    const { store, revocations } = startRevocations(t)
    const seen = []
    const hook = revocations.webhook({ ...HOOK, onEvent: (event) => seen.push(event) })
    const good = signature(SUSPEND)
    for (const [body, header] of /** @type {[string, string | undefined][]} */ ([
      [SUSPEND, undefined],
      [SUSPEND, ''],
      [SUSPEND, signature(SUSPEND, 'other')],
      [SUSPEND, good.slice(1)],
      [SUSPEND, `sha256=${good}`],
      [`${SUSPEND} `, good],
      [JSON.stringify(JSON.parse(SUSPEND), null, 2), good],
      [SUSPEND.replace('fpx5zuj3x4u6', 'fpx5zuj3x4u7'), good],
      ['not JSON', good],
      ['', good],
    ])) {
      const response = await hook(request(body, header === undefined ? {} : { 'logto-signature-sha-256': header }))
      assert.equal(response.status, 401)
      assert.equal(response.headers.get('cache-control'), 'no-store')
      assert.deepEqual(await json(response), {
        error: 'invalid_signature',
        message: 'The signature is missing or invalid',
      })
    }
    assert.deepEqual([store.entries, seen], [[], []])
  })

  test('responds with 400 to a signed body that it cannot read, and warns', async (t) => {
    const { store, revocations } = startRevocations(t)
    const hook = revocations.webhook(HOOK)
    const warned = once(process, 'warning')
    for (const body of ['', 'null', '[]', '{}', event('User.Deleted'), event('User.Deleted', { createdAt: 'today' })]) {
      const response = await hook(request(body))
      assert.equal(response.status, 400, body)
      assert.equal((await json(response)).error, 'invalid_event')
    }
    const [warning] = await warned
    assert.equal(warning.code, 'LOGTO_AUTHKIT_WEBHOOK')
    assert.deepEqual(store.entries, [])
  })

  test('acknowledges test events, which revoke nothing', async (t) => {
    const { store, revocations } = startRevocations(t)
    const hook = revocations.webhook({ ...HOOK, onEvent: () => assert.fail('called') })
    for (const name of [...contract().revokingEvents, 'PostSignIn']) {
      const body = event(name, { params: { id: 'fake-id' }, data: { result: 'success' } })
      assert.equal((await hook(request(body))).status, 200, name)
    }
    assert.deepEqual(store.entries, [])
  })

  test('passes every event to onEvent after it has been stored', async (t) => {
    const { store, revocations } = startRevocations(t)
    /** @type {[string, number][]} */
    const seen = []
    const hook = revocations.webhook({ ...HOOK, onEvent: ({ event }) => seen.push([event, store.entries.length]) })
    await hook(request(SUSPEND))
    assert.equal((await hook(request(event('Some.Future.Event', { createdAt: 5 })))).status, 200)
    assert.deepEqual(seen, [
      ['User.SuspensionStatus.Updated', 1],
      ['Some.Future.Event', 1],
    ])
  })

  test('responds with 200 even if onEvent fails or never finishes, and warns', async (t) => {
    const { revocations } = startRevocations(t)
    const failures = [
      () => {
        throw new Error('planned')
      },
      async () => {
        throw new Error('planned')
      },
    ]
    for (const onEvent of failures) {
      const warned = once(process, 'warning')
      assert.equal((await revocations.webhook({ ...HOOK, onEvent })(request(SUSPEND))).status, 200)
      const [{ code, message }] = await warned
      assert.equal(code, 'LOGTO_AUTHKIT_ON_EVENT')
      assert.match(message, /^onEvent failed, which changes no response: Error: planned\n/)
    }
    const onEvent = () => new Promise(() => {})
    assert.equal((await revocations.webhook({ ...HOOK, onEvent })(request(SUSPEND))).status, 200)
  })

  test('responds with 503 if the store does not accept the entry, which is in force here nevertheless', async (t) => {
    const { store, revocations } = startRevocations(t)
    store.failure = new Error('store is down')
    const response = await revocations.webhook(HOOK)(request(SUSPEND))
    assert.deepEqual([response.status, response.headers.get('retry-after')], [503, '1'])
    const body = await json(response)
    assert.equal(body.code, 'revocations_unavailable')
    assert.equal(revocations.stats().entries, 1)
    await revocations.close()
    const closed = await revocations.webhook(HOOK)(request(SUSPEND))
    assert.deepEqual([closed.status, closed.headers.get('retry-after')], [503, '1'])
    assert.deepEqual(await json(closed), body)
  })

  test('does not print a key that is passed instead of the options', (t) => {
    const { revocations } = startRevocations(t)
    for (const source of [revocations.webhook, revocations.catchUp, revocations.backchannelLogout]) {
      for (const secret of ['a-signing-key', ['a-signing-key'], 4711]) {
        assert.throws(
          () => /** @type {any} */ (source).call(revocations, secret),
          ({ code, message }) =>
            code === 'invalid_options' && /expected an object, got an? \w+$/.test(message) && !/key|4711/.test(message),
        )
      }
    }
  })

  test('responds within a second while the store hangs', async (t) => {
    const { revocations, store } = startRevocations(t)
    store.append = () => new Promise(() => {})
    const response = await revocations.webhook(HOOK)(request(SUSPEND))
    assert.equal(response.status, 503)
  })

  test('accepts only POST', async (t) => {
    const { revocations } = startRevocations(t)
    const response = await revocations.webhook(HOOK)(request('', headersFor(''), 'GET'))
    assert.deepEqual([response.status, response.headers.get('allow')], [405, 'POST'])
  })

  test('rejects a body that is too long without receiving all of it', async (t) => {
    const { revocations } = startRevocations(t)
    const hook = revocations.webhook(HOOK)
    const long = event('PostSignIn', { text: 'x'.repeat(contract().limits.webhookBytes) })
    assert.equal((await hook(request(long))).status, 413)
    const { url, port } = await startServer(t, hook)
    const socket = connect(port, '127.0.0.1')
    socket.write('POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n')
    const chunk = `10000\r\n${'x'.repeat(0x10000)}\r\n`
    socket.on('error', () => {})
    for (let i = 0; i < 70; i += 1) socket.write(chunk)
    const [data] = await once(socket, 'data')
    assert.match(String(data), /^HTTP\/1\.1 413 /)
    socket.destroy()
    assert.equal((await post(url, SUSPEND)).status, 200)
    const full = event('PostSignIn', { text: '' })
    const exact = event('PostSignIn', { text: 'x'.repeat(contract().limits.webhookBytes - full.length) })
    assert.equal((await post(url, exact)).status, 200)
  })
})

describe('the raw body is found in', () => {
  const APPLICATIONS = {
    ...bodyReaders('application/json'),
    'Express before express.json': (hook) => {
      const app = require('express')()
      app.post('/hook', hook)
      return createServer(app.use(require('express').json()))
    },
    'Express with req.rawBody': express((app, { json }) =>
      app.use(json({ verify: (req, _res, body) => Object.assign(req, { rawBody: body }) })),
    ),
    'NestJS with rawBody': (hook) => nestServer('hook', hook, { rawBody: true }),
    'NestJS on Fastify with rawBody': (hook) => nestServer('hook', hook, { rawBody: true }, fastifyAdapter()),
  }
  for (const [name, create] of Object.entries(APPLICATIONS)) {
    test(name, async (t) => {
      const { store, revocations } = startRevocations(t)
      const url = `${await listen(t, await create(revocations.webhook(HOOK)))}/hook`
      assert.deepEqual(await post(url, SUSPEND), { status: 200, body: { received: true } })
      assert.equal((await post(url, SUSPEND, {})).status, 401)
      assert.deepEqual(store.table(), SUSPENDED)
    })
  }

  test('Hono, even if a middleware has read it', async (t) => {
    const { store, revocations } = startRevocations(t)
    const { Hono } = await import('hono')
    for (const read of [undefined, 'text', 'arrayBuffer']) {
      const app = new Hono()
      if (read !== undefined) {
        app.use(async (c, next) => {
          await c.req[read]()
          await next()
        })
      }
      app.post('/hook', /** @type {any} */ (revocations.webhook(HOOK)))
      const response = await app.request('/hook', { method: 'POST', body: SUSPEND, headers: headersFor(SUSPEND) })
      assert.equal(response.status, 200, read)
    }
    assert.deepEqual(store.table(), SUSPENDED)
  })
})

describe('a body that another parser has read', () => {
  test('is a 500 that says what to mount where', async (t) => {
    const { store, revocations } = startRevocations(t)
    const hook = revocations.webhook(HOOK)
    const warned = once(process, 'warning')
    const app = await express((app, { json }) => app.use(json()))(hook)
    const { status, body } = await post(`${await listen(t, app)}/hook`, SUSPEND)
    assert.equal(status, 500)
    assert.equal(body.error, 'body_already_read')
    assert.match(body.message, /mount the webhook before express\.json\(\), or with express\.raw/)
    const [warning] = await warned
    assert.deepEqual([warning.code, warning.message], ['LOGTO_AUTHKIT_BODY', body.message])

    const fastify = require('fastify')()
    fastify.post('/hook', /** @type {any} */ (hook))
    await fastify.ready()
    const reply = await post(`${await listen(t, fastify.server)}/hook`, SUSPEND)
    assert.equal(reply.status, 500)
    assert.match(reply.body.message, /Fastify: .*addContentTypeParser/)

    for (const adapter of [undefined, fastifyAdapter()]) {
      const url = await listen(t, await nestServer('hook', hook, {}, adapter))
      const nest = await post(`${url}/hook`, SUSPEND)
      assert.equal(nest.status, 500)
      assert.match(nest.body.message, /NestJS: create the application with rawBody: true/)
    }

    const read = request(SUSPEND)
    await read.text()
    const response = await hook(read)
    assert.match((await json(response)).message, /request\.clone\(\)/)
    assert.deepEqual(store.entries, [])
  })
})

test('a handler rejects anything that is not a request', async (t) => {
  const hook = startRevocations(t).revocations.webhook(HOOK)
  for (const args of [[], [{}], [{ headers: {} }], [null, {}]]) {
    await assert.rejects(() => /** @type {any} */ (hook)(...args), { name: 'TypeError', message: /takes \(req, res\)/ })
  }
})

test('a client that disconnects before it has sent the body does not end the process', async (t) => {
  const { revocations } = startRevocations(t)
  const handle = /** @type {any} */ (revocations.webhook(HOOK))
  const handled = new Promise((resolve, reject) => {
    const server = createServer((req, res) => handle(req, res).then(resolve, reject)).listen(0, '127.0.0.1', () => {
      const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
      const socket = connect(port, '127.0.0.1', () => {
        socket.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\nlogto-signature-sha-256: a\r\n\r\n{"event":')
        server.once('request', () => socket.destroy())
      })
    })
    t.after(() => server.close())
  })
  await handled
})
