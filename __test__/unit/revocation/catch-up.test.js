const assert = require('node:assert/strict')
const { once } = require('node:events')
const { describe, test } = require('node:test')
const { inChild } = require('../../support/child')
const { CREDENTIALS, logEntry, recordedLogs, startManagementApi } = require('../../support/management-api')
const { until } = require('../../support/until')
const { RECORDED, SIGNING_KEY, headersFor, startRevocations } = require('../../support/webhooks')

const deleted = (id) => ({ event: 'User.Deleted', createdAt: '2026-11-25T22:36:45.679Z', data: { id } })

describe('catchUp', () => {
  test('applies every recorded event that was missed, as the webhook would have', async (t) => {
    const api = await startManagementApi(t)
    api.logs = recordedLogs()
    const { store, revocations } = startRevocations(t)
    revocations.catchUp(api.options())
    const live = startRevocations(t)
    const hook = live.revocations.webhook({ signingKey: SIGNING_KEY })
    for (const { body } of RECORDED) {
      await hook(new Request('http://localhost', { method: 'POST', body, headers: headersFor(body) }))
    }
    await until(() => store.entries.length >= 4)
    assert.deepEqual(store.table(), live.store.table())
    assert.deepEqual(api.tokenRequest, {
      authorization: `Basic ${Buffer.from('machine:a%2Fsecret%2Bvalue').toString('base64')}`,
      body: { grant_type: 'client_credentials', resource: 'https://default.logto.app/api', scope: 'all' },
    })
  })

  test('reads all pages at first, then only new entries, with one token', async (t) => {
    const api = await startManagementApi(t)
    api.logs = Array.from({ length: 250 }, (_, i) => logEntry(`l${i}`, deleted(`u${i}`)))
    const { store, revocations } = startRevocations(t)
    revocations.catchUp(api.options())
    await until(() => store.entries.length === 250)
    assert.equal(api.pages, 3)
    api.logs.push(logEntry('l250', deleted('u250')))
    await until(() => store.entries.length === 251)
    api.logs.push(logEntry('l251', deleted('u251')))
    // Two pages for each new entry, because the second page shows that older ones are known.
    await until(() => store.entries.length === 252 && api.pages === 7)
    assert.equal(api.tokens, 1)
  })

  test('misses no entry if a whole page of new entries arrives while it stores a page', async (t) => {
    const api = await startManagementApi(t)
    const logs = (name, count) =>
      Array.from({ length: count }, (_, i) => logEntry(`${name}${i}`, deleted(`${name}${i}`)))
    api.logs = logs('old', 100)
    const { store, revocations } = startRevocations(t)
    revocations.catchUp(api.options())
    // The first reading ends with an empty second page.
    await until(() => api.pages === 2)
    api.logs.push(...logs('new', 150))
    const append = store.append.bind(store)
    store.append = async (entries) => {
      store.append = append
      // The second page now contains the same log entries as the first page.
      api.logs.push(...logs('late', 100))
      await append(entries)
    }
    await until(() => store.entries.some((entry) => JSON.parse(entry).id === 'late0'))
    const stored = new Set(store.entries.map((entry) => JSON.parse(entry).id))
    assert.deepEqual(
      api.logs.map(({ id }) => id).filter((id) => !stored.has(id)),
      [],
    )
  })

  test('applies each page before it reads the next, and reads all of them again after a failure', async (t) => {
    const api = await startManagementApi(t)
    api.logs = Array.from({ length: 250 }, (_, i) => logEntry(`l${i}`, deleted(`u${i}`)))
    const { store, revocations } = startRevocations(t)
    const append = store.append.bind(store)
    const warned = once(process, 'warning')
    store.append = async (entries) => {
      if (store.entries.length === 0) api.failures = { '/recent-logs': [500, '{}'] }
      await append(entries)
    }
    revocations.catchUp(api.options())
    await warned
    assert.equal(store.entries.length, 100)
    api.failures = {}
    await until(() => store.entries.length === 250)
    assert.equal(Object.keys(store.table()).length, 250)
  })

  test('does not store again what a successful delivery has revoked', async (t) => {
    const api = await startManagementApi(t)
    const { store, revocations } = startRevocations(t)
    await revocations.revokeSubject('known')
    api.logs = [
      logEntry('a', deleted('known'), 'Success'),
      // The delivery was received by something else, for example after a redirect.
      logEntry('b', deleted('unknown'), 'Success'),
      // The event was applied here, but its revocation was not stored.
      logEntry('c', deleted('known'), 'Error'),
    ]
    revocations.catchUp(api.options())
    await until(() => store.entries.length === 3)
    const ids = store.entries.map((entry) => JSON.parse(entry).id)
    assert.deepEqual(ids, ['known', 'unknown', 'known'])
  })

  test('tries again what the store did not accept', async (t) => {
    const api = await startManagementApi(t)
    api.logs = [logEntry('a', deleted('u'))]
    const { store, revocations } = startRevocations(t)
    store.failure = new Error('down')
    const warned = once(process, 'warning')
    revocations.catchUp(api.options())
    assert.equal((await warned)[0].code, 'LOGTO_AUTHKIT_CATCH_UP')
    store.failure = null
    await until(() => store.entries.length === 1)
  })

  test('warns of failures without printing the secret or a token, and recovers', async (t) => {
    const api = await startManagementApi(t)
    api.logs = [logEntry('a', deleted('u'))]
    const { store, revocations } = startRevocations(t)
    /** @type {[string, [number, string], RegExp][]} */
    const FAILURES = [
      [
        '/token',
        [401, '{"error":"invalid_client","error_description":"a/secret+value"}'],
        /token .* \(401, invalid_client\)$/,
      ],
      ['/token', [200, '{}'], /contains none$/],
      ['/token', [200, 'null'], /contains none$/],
      [
        '/recent-logs',
        [403, '{"code":"auth.forbidden","message":"token-1"}'],
        /log of the webhook \(403, auth\.forbidden\)$/,
      ],
      ['/recent-logs', [200, '{}'], /log of the webhook \(200\)$/],
      ['/recent-logs', [500, '<p>token-1</p>'], /log of the webhook \(500\)$/],
      ['/recent-logs', [200, 'null'], /log of the webhook \(200\)$/],
    ]
    for (const [path, response, message] of FAILURES) {
      api.failures = { [path]: response }
      const warned = once(process, 'warning')
      const running = revocations.catchUp(api.options())
      const [warning] = await warned
      running.stop()
      assert.match(warning.message, message)
      assert.doesNotMatch(warning.stack, /secret|token-1/)
    }
    const warned = once(process, 'warning')
    const unreachable = revocations.catchUp(api.options({ logtoUrl: 'http://127.0.0.1:1' }))
    assert.match((await warned)[0].message, /http:\/\/127\.0\.0\.1:1 is unreachable/)
    unreachable.stop()
    assert.deepEqual(store.entries, [])
    api.failures = {}
    revocations.catchUp(api.options())
    await until(() => store.entries.length === 1)
  })

  test('skips an event that it cannot read', async (t) => {
    const api = await startManagementApi(t)
    api.logs = [logEntry('a', deleted('u')), logEntry('b', { event: 'User.Deleted' }), logEntry('c', deleted('w')), {}]
    const { store, revocations } = startRevocations(t)
    const warned = once(process, 'warning')
    revocations.catchUp(api.options())
    await until(() => store.entries.length === 2)
    assert.match((await warned)[0].message, /an event could not be read/)
  })

  test('reads the log only while it holds the lease of the store', async (t) => {
    const api = await startManagementApi(t)
    api.logs = [logEntry('a', deleted('u'))]
    const { store, revocations } = startRevocations(t)
    /** @type {any[]} */
    const asked = []
    let isElected = false
    Object.assign(store, {
      async lease(...args) {
        asked.push(args)
        return isElected
      },
    })
    revocations.catchUp(api.options())
    await until(() => asked.length === 1)
    assert.deepEqual([api.tokens, api.pages], [0, 0])
    isElected = true
    await until(() => store.entries.length === 1)
    const [[name, holder, duration]] = asked
    assert.equal(name, `catch-up:${api.url}/api/hooks/${CREDENTIALS.hookId}/recent-logs`)
    assert.match(holder, /^[\w-]{36}$/)
    assert.equal(duration, 21_000)
    assert.equal(asked[1][1], holder)
  })

  test('ends with stop and with close', async (t) => {
    const api = await startManagementApi(t)
    const { revocations } = startRevocations(t)
    const running = revocations.catchUp(api.options())
    revocations.catchUp(api.options())
    running.stop()
    running.stop()
    await revocations.close()
    assert.throws(() => revocations.catchUp(api.options({ everyMs: 5 })), { code: 'invalid_options' })
  })

  test('does not keep the process alive', async (t) => {
    const api = await startManagementApi(t)
    api.logs = [logEntry('a', deleted('u'))]
    const { code, stdout, stderr } = await inChild((options) => {
      const revocations = require('logto-authkit/revocation').createRevocations()
      require('logto-authkit').createVerifier({ logtoUrl: 'https://auth.example.com', audience: 'a', revocations })
      revocations.catchUp(options)
      process.on('exit', () => console.log('exit'))
    }, api.options())
    assert.deepEqual([code, stdout, stderr], [0, 'exit\n', ''])
  })
})
