const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const { Worker } = require('node:worker_threads')
const { once } = require('node:events')
const { AuthError, createVerifier, verifyAuth } = require('logto-authkit')
const { createRevocations, memoryStore } = require('logto-authkit/revocation')
const { inChild } = require('../../support/child')
const { AUDIENCE, bearer, outcome, rejection, secondCopy, startIssuer, verdict } = require('../../support/helpers')
const { LogStore } = require('../../support/log-store')
const { until } = require('../../support/until')

/** A token that was issued earlier, so that a revocation within the same test covers the token. */
const mint = (issuer, { claims, ...options } = /** @type {any} */ ({})) =>
  issuer.mint({ ...options, claims: { ...issuedAt(Date.now() - 10_000), ...claims } })

/** Revocations that close with their test, and a verifier that checks them. */
async function start(t, { options = {}, ...more } = /** @type {any} */ ({})) {
  const issuer = await startIssuer(t)
  const revocations = createRevocations(options)
  t.after(() => revocations.close())
  const all = { logtoUrl: issuer.logtoUrl, audience: AUDIENCE, revocations, ...more }
  return { issuer, revocations, verifier: createVerifier(all), options: all }
}

const HOUR = 3_600_000

/** Lets all settled promises run. */
const settled = () => new Promise((resolve) => setImmediate(resolve))
const issuedAt = (ms) => ({ iat: Math.floor(ms / 1000) })

describe('a revocation', () => {
  /** A revocation, claims of a token that it covers, and claims of a token that stays valid. @type {[string, any, any, any][]} */
  const CASES = [
    ['revokeSubject', (all) => all.revokeSubject('alice'), { sub: 'alice' }, { sub: 'bob' }],
    [
      'revokeSubject in an organization',
      (all) => all.revokeSubject('alice', { organizationId: 'org' }),
      { sub: 'alice', organizationId: 'org' },
      { sub: 'alice', organizationId: 'other' },
    ],
    ['revokeToken', (all) => all.revokeToken({ jti: 't1', exp: 2e9 }), { claims: { jti: 't1' } }, {}],
    ['revokeSession', (all) => all.revokeSession('s1'), { claims: { sid: 's1' } }, { claims: { sid: 's2' } }],
    ['revokeGrant', (all) => all.revokeGrant('g1'), { claims: { grant_id: 'g1' } }, { claims: { grant_id: 'g2' } }],
    ['revokeClient', (all) => all.revokeClient('app'), { clientId: 'app' }, { clientId: 'app2' }],
    ['revokeOrganization', (all) => all.revokeOrganization('org'), { organizationId: 'org' }, {}],
    ['revokeAll', (all) => all.revokeAll(), {}, { claims: issuedAt(Date.now() + 60_000) }],
  ]
  for (const [name, revoke, revoked, valid] of CASES) {
    test(`by ${name} rejects new and previously verified tokens, and no others`, async (t) => {
      const { issuer, revocations, verifier } = await start(t)
      const [remembered, other] = [mint(issuer, revoked), mint(issuer, valid)]
      for (const token of [remembered, other, other]) assert.equal(await verdict(verifier.verify(token)), 'accepted')
      await revoke(revocations)
      assert.equal(await verdict(verifier.verify(remembered)), 'token_revoked')
      assert.equal(await verdict(verifier.verify(mint(issuer, revoked))), 'token_revoked')
      for (const token of [other, mint(issuer, valid)]) assert.equal(await verdict(verifier.verify(token)), 'accepted')
      assert.equal(revocations.stats().entries, 1)
    })
  }

  test('covers tokens up to and including its second', async (t) => {
    const { issuer, revocations, verifier } = await start(t)
    const now = Date.now()
    await revocations.revokeSubject('alice', { before: new Date(now - HOUR) })
    const token = (ms) => mint(issuer, { sub: 'alice', claims: issuedAt(now - HOUR + ms) })
    assert.equal(await verdict(verifier.verify(token(0))), 'token_revoked')
    assert.equal(await verdict(verifier.verify(token(-1000))), 'token_revoked')
    assert.equal(await verdict(verifier.verify(token(1000))), 'accepted')
  })

  test('covers tokens without a time of issue', async (t) => {
    const { issuer, revocations, verifier } = await start(t)
    await revocations.revokeSubject('alice', { before: new Date(Date.now() - HOUR) })
    assert.equal(
      await verdict(verifier.verify(mint(issuer, { sub: 'alice', claims: { iat: undefined } }))),
      'token_revoked',
    )
  })

  test('is a maximum: an earlier time does not replace a later one', async (t) => {
    const { issuer, revocations, verifier } = await start(t)
    const token = mint(issuer, { sub: 'alice' })
    await revocations.revokeSubject('alice')
    await revocations.revokeSubject('alice', { before: new Date(Date.now() - HOUR) })
    assert.equal(await verdict(verifier.verify(token)), 'token_revoked')
    assert.equal(revocations.stats().entries, 1)
  })

  test('takes a context of the token', async (t) => {
    const { issuer, revocations, verifier } = await start(t)
    const [token, other] = [mint(issuer), mint(issuer)]
    await revocations.revokeToken(await verifier.verify(token))
    assert.deepEqual(
      [await verdict(verifier.verify(token)), await verdict(verifier.verify(other))],
      ['token_revoked', 'accepted'],
    )
  })

  test('counts before anything that results in a 403, and before isRevoked', async (t) => {
    const more = { requiredScope: 'admin', organizationId: 'org', isRevoked: () => assert.fail('called') }
    const { issuer, revocations, verifier } = await start(t, more)
    const token = mint(issuer, { sub: 'alice' })
    assert.equal(await verdict(verifier.verify(token)), 'wrong_organization')
    await revocations.revokeSubject('alice')
    const { details } = await rejection(verifier.verify(token))
    assert.equal(await verdict(verifier.verify(token)), 'token_revoked')
    assert.deepEqual(details, { revoked: 'subject' })
    assert.equal(await verdict(verifier.verify(mint(issuer, { sub: 'alice', expiresIn: -1 }))), 'token_expired')
  })

  test('turns a request into a guest if guests are allowed', async (t) => {
    const { issuer, revocations, verifier } = await start(t, { allowGuest: true })
    await revocations.revokeSubject('alice')
    const auth = /** @type {any} */ (await verifier.verify(bearer(mint(issuer, { sub: 'alice' }))))
    assert.deepEqual([auth.isGuest, auth.isGuest && auth.guestReason], [true, 'token_revoked'])
  })

  test('lets the token of the other source be used', async (t) => {
    const { issuer, revocations, verifier } = await start(t)
    await revocations.revokeSubject('alice')
    const request = {
      headers: {
        cookie: `logto_authtoken=${mint(issuer, { sub: 'alice' })}`,
        authorization: `Bearer ${mint(issuer, { sub: 'bob' })}`,
      },
    }
    assert.equal(await outcome(verifier.verify(request)), 'bob')
  })

  test('is kept longer than maxTokenLifetime for a token that lives longer', async (t) => {
    const { issuer, revocations, verifier } = await start(t, { options: { maxTokenLifetime: 60 } })
    const claims = { ...issuedAt(Date.now() - 2 * HOUR), jti: 'long', exp: Math.floor(Date.now() / 1000) + 3600 }
    await revocations.revokeToken({ jti: 'long', exp: claims.exp })
    await revocations.revokeSubject('bob')
    await revocations.revokeSubject('alice', { before: new Date(Date.now() - 2 * HOUR) })
    assert.equal(await verdict(verifier.verify(mint(issuer, { claims }))), 'token_revoked')
    assert.equal(revocations.stats().entries, 2)
  })
})

test('revokeToken accepts every exp that a token may contain', async () => {
  const revocations = createRevocations()
  const lastSecond = Date.UTC(9999, 11, 31, 23, 59, 59) / 1000
  await revocations.revokeToken({ jti: 'far', exp: lastSecond })
  assert.equal(revocations.stats().entries, 1)
  await assert.rejects(revocations.revokeToken({ jti: 'far', exp: lastSecond + 1 }), { code: 'invalid_options' })
})

describe('invalid arguments', () => {
  const revocations = createRevocations()
  /** @type {[string, () => Promise<void>, string][]} */
  const CASES = [
    [
      'no user',
      () => revocations.revokeSubject(/** @type {any} */ (undefined)),
      'Invalid option "userId": expected a string of 1 to 1,024 bytes, got undefined',
    ],
    [
      'an empty session',
      () => revocations.revokeSession(''),
      'Invalid option "sid": expected a string of 1 to 1,024 bytes, got an empty string',
    ],
    [
      'a long id',
      () => revocations.revokeGrant('x'.repeat(1025)),
      `Invalid option "grantId": expected a string of 1 to 1,024 bytes, got "${'x'.repeat(60)}…"`,
    ],
    [
      'a token without jti',
      () => revocations.revokeToken(/** @type {any} */ ({ exp: 5 })),
      'Invalid option "jti": expected the jti claim of a token, got undefined',
    ],
    [
      'no token',
      () => revocations.revokeToken(/** @type {any} */ (null)),
      'Invalid option "jti": expected the jti claim of a token, got undefined',
    ],
    [
      'an organization set to undefined',
      () => revocations.revokeSubject('a', { organizationId: undefined }),
      `Invalid option "organizationId": expected an organization's id, got undefined`,
    ],
  ]
  for (const [name, revoke, message] of CASES) {
    test(`are reported: ${name}`, async () => {
      await assert.rejects(revoke(), { name: 'TypeError', code: 'invalid_options', message })
    })
  }

  test('are reported: a time too far in the future', async () => {
    const before = new Date(Date.now() + HOUR + 60_000)
    await assert.rejects(revocations.revokeAll({ before }), { code: 'invalid_options' })
    assert.equal(revocations.stats().entries, 0)
  })

  test('are reported: a store without functions', () => {
    const message = /^Invalid option "store": expected a store from memoryStore\(\)/
    for (const store of [{}, { append() {} }, null, new Map()]) {
      assert.throws(() => createRevocations({ store: /** @type {any} */ (store) }), {
        code: 'invalid_options',
        message,
      })
    }
  })
})

describe('the option revocations', () => {
  test('costs only a comparison in a new literal', async (t) => {
    const { issuer, options } = await start(t, { jwksCooldownMs: 1 })
    const token = mint(issuer)
    const first = await verifyAuth(token, { ...options })
    for (let i = 0; i < 5; i += 1) assert.deepEqual(await verifyAuth(token, { ...options }), first)
    assert.equal(createVerifier(options).stats().tokens.size, 1)
    assert.equal(issuer.jwksRequests, 1)
  })

  test('tells verifiers with different revocations apart', async (t) => {
    const { issuer, options, revocations } = await start(t)
    const others = createRevocations()
    t.after(() => others.close())
    const token = mint(issuer, { sub: 'alice' })
    await revocations.revokeSubject('alice')
    for (let i = 0; i < 3; i += 1) {
      assert.equal(await verdict(verifyAuth(token, { ...options })), 'token_revoked')
      assert.equal(await verdict(verifyAuth(token, { ...options, revocations: others })), 'accepted')
    }
  })

  test('accepts the revocations of another copy of the package', async (t) => {
    const { issuer, options } = await start(t)
    const copy = secondCopy(t, 'logto-authkit/revocation').createRevocations()
    t.after(() => copy.close())
    await copy.revokeSubject('alice')
    const verifier = createVerifier({ ...options, revocations: copy })
    assert.equal(await verdict(verifier.verify(mint(issuer, { sub: 'alice' }))), 'token_revoked')
  })

  test('accepts no object that only looks like revocations', async (t) => {
    const { options, revocations } = await start(t)
    for (const fake of [{ ...revocations }, Object.create(revocations), new Proxy(revocations, {})]) {
      assert.throws(() => createVerifier({ ...options, revocations: fake }), { code: 'invalid_options' })
    }
  })
})

describe('whenUnavailable', () => {
  test('accept: verifies tokens before the store responds', async (t) => {
    const { issuer, verifier, revocations } = await start(t, { options: { store: new LogStore({ isDown: true }) } })
    assert.equal(await verdict(verifier.verify(mint(issuer))), 'accepted')
    const { connected, lagMs } = revocations.stats()
    assert.deepEqual([connected, lagMs], [false, null])
  })

  test('refuse: rejects requests until the revocations are loaded', async (t) => {
    const store = new LogStore({ isDown: true })
    const { issuer, verifier, revocations } = await start(t, { options: { store, whenUnavailable: 'refuse' } })
    const error = await rejection(verifier.verify(mint(issuer)))
    assert.deepEqual([error.code, error.status, error.headers['Retry-After']], ['revocations_unavailable', 503, '1'])
    assert.deepEqual(error.details, { reason: 'revocations_not_loaded' })
    store.isDown = false
    await revocations.ready()
    assert.equal(await verdict(verifier.verify(mint(issuer))), 'accepted')
  })

  for (const [name, clock] of /** @type {[string, { now: () => number }][]} */ ([
    ['monotonic', performance],
    ['wall', Date],
  ])) {
    test(`refuse: does not take an answer from before a freeze for the current state, on the ${name} clock`, async (t) => {
      const [first, last] = ['one', 'two'].map((id) => `{"v":1,"kind":"subject","id":"${id}","before":4000000000}`)
      /** @type {((batch: object) => void)[]} */
      const reads = []
      const read = () => new Promise((resolve) => reads.push(resolve))
      const store = { append: async () => {}, read: /** @type {any} */ (read) }
      const options = { store, whenUnavailable: 'refuse', maxLagMs: 300_000 }
      const { issuer, verifier, revocations } = await start(t, { options })
      // The second page is requested before the first page is applied.
      reads[0]({ entries: [first], position: '1', complete: false })
      await until(() => reads.length === 2)
      const now = clock.now()
      const frozen = t.mock.method(clock, 'now', () => now + 600_000)
      reads[1]({ entries: [last], position: '2', complete: true })
      await revocations.ready()
      frozen.mock.restore()
      assert.equal(revocations.stats().entries, 2)
      assert.ok(Number(revocations.stats().lagMs) >= 597_000)
      assert.equal((await rejection(verifier.verify(mint(issuer)))).details?.reason, 'store_unreachable')
      await until(() => reads.length === 3)
      reads[2]({ entries: [], position: '2', complete: true })
      await settled()
      assert.equal(await verdict(verifier.verify(mint(issuer))), 'accepted')
    })
  }

  test('refuse: has no effect on a store in this process', async (t) => {
    const { issuer, verifier } = await start(t, { options: { store: memoryStore(), whenUnavailable: 'refuse' } })
    assert.equal(await verdict(verifier.verify(mint(issuer))), 'accepted')
  })
})

describe('a store', () => {
  test('is shared by instances, also by those that start later', async (t) => {
    const store = new LogStore()
    const one = await start(t, { options: { store } })
    await one.revocations.revokeSubject('alice')
    const two = await start(t, { options: { store } })
    await two.revocations.ready()
    assert.equal(await verdict(two.verifier.verify(mint(two.issuer, { sub: 'alice' }))), 'token_revoked')
    await one.revocations.revokeSubject('bob')
    await store.isRead()
    assert.equal(await verdict(two.verifier.verify(mint(two.issuer, { sub: 'bob' }))), 'token_revoked')
  })

  test('that does not accept an entry makes the function reject, and the entry takes effect here', async (t) => {
    const store = new LogStore({ isDown: true })
    const { issuer, verifier, revocations } = await start(t, { options: { store } })
    const error = await revocations.revokeSubject('alice').catch((error) => error)
    assert.ok(error instanceof AuthError)
    assert.deepEqual(
      [error.code, /** @type {any} */ (error.cause).message],
      ['revocations_unavailable', 'The log is down'],
    )
    assert.equal(error.headers['Retry-After'], '1')
    assert.equal(await verdict(verifier.verify(mint(issuer, { sub: 'alice' }))), 'token_revoked')
    assert.equal(revocations.stats().lastError, 'The log is down')
  })

  test('with entries of a later release is read, and these entries are counted', async (t) => {
    const store = new LogStore({ entries: ['{"v":2,"kind":"device","id":"x","before":1}', 'garbage'] })
    const { issuer, verifier, revocations } = await start(t, { options: { store } })
    await revocations.revokeSubject('alice')
    await revocations.ready()
    assert.deepEqual([revocations.stats().skipped, revocations.stats().entries], [2, 1])
    assert.equal(await verdict(verifier.verify(mint(issuer, { sub: 'alice' }))), 'token_revoked')
  })

  test('with an entry far in the future rejects all tokens issued before that time, and is reported', async (t) => {
    const far = Math.floor(Date.now() / 1000) + 365 * 86_400
    const store = new LogStore({ entries: [`{"v":1,"kind":"subject","id":"alice","before":${far}}`] })
    const warned = once(process, 'warning')
    const { issuer, verifier, revocations } = await start(t, { options: { store } })
    await revocations.ready()
    assert.equal((await warned)[0].code, 'LOGTO_AUTHKIT_REVOCATIONS_CLOCK')
    assert.equal(revocations.stats().ahead, 1)
    const later = issuedAt(Date.now() + 60_000)
    assert.equal(await verdict(verifier.verify(mint(issuer, { sub: 'alice' }))), 'token_revoked')
    assert.equal(await verdict(verifier.verify(mint(issuer, { sub: 'alice', claims: later }))), 'token_revoked')
  })

  test('is asked for the next page before the last one is applied', async (t) => {
    const now = Math.floor(Date.now() / 1000)
    const entries = Array.from({ length: 250 }, (_, i) => `{"v":1,"kind":"subject","id":"${i}","before":${now}}`)
    const store = new LogStore({ entries })
    const read = store.read.bind(store)
    /** @type {number[]} */
    const applied = []
    store.read = (...args) => {
      applied.push(revocations.stats().entries)
      return read(...args)
    }
    const revocations = createRevocations({
      store: { append: async () => {}, read: async (...args) => store.read(...args) },
    })
    t.after(() => revocations.close())
    await revocations.ready()
    assert.deepEqual(applied.slice(0, 3), [0, 0, 100])
    assert.equal(revocations.stats().entries, 250)
  })

  test('that was down is followed again without losing an entry', async (t) => {
    const store = new LogStore()
    const { issuer, verifier, revocations } = await start(t, { options: { store } })
    await revocations.ready()
    store.isDown = true
    await store.hasFailed()
    assert.equal(revocations.stats().connected, false)
    store.entries.push('{"v":1,"kind":"subject","id":"alice","before":4000000000}')
    store.isDown = false
    await store.isRead()
    assert.equal(await verdict(verifier.verify(mint(issuer, { sub: 'alice' }))), 'token_revoked')
    assert.equal(revocations.stats().connected, true)
  })

  test('that does not wait for new entries is read at most every ten milliseconds', async (t) => {
    let reads = 0
    const read = async () => {
      reads += 1
      return { entries: [], position: '', complete: true }
    }
    const { revocations } = await start(t, { options: { store: { append: async () => {}, read } } })
    await revocations.ready()
    for (let i = 0; i < 1000; i += 1) await null
    assert.equal(reads, 1)
  })

  test('that is emptied does not end revocations here', async (t) => {
    const store = new LogStore()
    const { issuer, verifier, revocations } = await start(t, { options: { store } })
    await revocations.revokeSubject('alice')
    store.reset()
    await store.isRead()
    assert.equal(await verdict(verifier.verify(mint(issuer, { sub: 'alice' }))), 'token_revoked')
  })
})

describe('close()', () => {
  test('ends the connection, rejects ready() and keeps known revocations in force', async (t) => {
    const store = new LogStore({ isDown: true })
    const { issuer, verifier, revocations } = await start(t, { options: { store } })
    await revocations.revokeSubject('alice').catch(() => {})
    const ready = revocations.ready()
    await Promise.all([revocations.close(), revocations.close()])
    assert.ok(store.isClosed)
    await assert.rejects(ready, /closed/)
    await assert.rejects(revocations.ready(), /closed/)
    await assert.rejects(revocations.revokeSubject('bob'), /closed/)
    assert.equal(await verdict(verifier.verify(mint(issuer, { sub: 'alice' }))), 'token_revoked')
  })
})

test('worker threads with the same store share the entries', async (t) => {
  const store = new LogStore()
  const identity = `shared ${process.hrtime.bigint()}`
  const { revocations } = await start(t, { options: { store: Object.assign(store, { identity }) } })
  const worker = new Worker(
    `const { createRevocations } = require('logto-authkit/revocation')
     const store = { identity: require('node:worker_threads').workerData, append: async () => {}, read: () => new Promise(() => {}) }
     const revocations = createRevocations({ store })
     revocations.revokeSubject('alice').then(() => {})`,
    { eval: true, workerData: identity },
  )
  assert.deepEqual(await once(worker, 'exit'), [0])
  assert.equal(revocations.stats().entries, 1)
})

test('revocations do not keep the process alive, but a pending revocation and ready() do', async () => {
  const { stdout } = await inChild(() => {
    const { createRevocations } = require('logto-authkit/revocation')
    createRevocations()
      .ready()
      .then(() => console.log('ready'))
    const { setTimeout } = require('node:timers/promises')
    const pause = () => setTimeout(20, null, { ref: false })
    const read = async () => {
      await pause()
      return { entries: [], position: '', complete: true }
    }
    const slow = createRevocations({ store: { append: pause, read } })
    slow.ready().then(() => console.log('slow'))
    slow.revokeAll().then(() => console.log('revoked'))
  })
  assert.deepEqual(stdout.trim().split('\n').sort(), ['ready', 'revoked', 'slow'])
})

test('a warning says that a revocation has no effect, unless a verifier or another process may use the store', async () => {
  const { stdout, stderr } = await inChild(async () => {
    const { createVerifier } = require('logto-authkit')
    const { createRevocations, memoryStore } = require('logto-authkit/revocation')
    let count = 0
    process.on('warning', (/** @type {any} */ { code }) => {
      if (code === 'LOGTO_AUTHKIT_UNUSED_REVOCATIONS') count += 1
    })
    const warned = async (/** @type {any} */ options, verifierOptions = /** @type {any} */ (null)) => {
      const revocations = createRevocations(options)
      try {
        if (verifierOptions)
          createVerifier({ logtoUrl: 'https://auth.example.com', audience: 'a', revocations, ...verifierOptions })
      } catch {}
      await revocations.revokeSubject('alice')
      await revocations.revokeAll()
      await new Promise((resolve) => setImmediate(resolve))
      await revocations.close()
      return count
    }
    const store = { append: async () => '1', read: async () => ({ entries: [], cursor: '1' }) }
    const shared = memoryStore()
    const counts = [await warned({ store }), await warned({}, {}), await warned({ store: shared }, {})]
    counts.push(await warned({ store: shared }))
    console.log(JSON.stringify([...counts, await warned({}, { audience: 5 }), await warned({})]))
  })
  assert.equal(stdout, '[0,0,0,0,1,1]\n', stderr)
  assert.match(stderr, /\[LOGTO_AUTHKIT_UNUSED_REVOCATIONS\].*`revocations` option to `logtoAuth`/)
  const other = await inChild(() => {
    const { createRevocations, memoryStore } = require('logto-authkit/revocation')
    createRevocations({ store: memoryStore() }).revokeAll()
  })
  assert.match(other.stderr, /\[LOGTO_AUTHKIT_UNUSED_REVOCATIONS\]/)
})
