/** redisStore with a fake Redis, which makes failures happen at an exact moment. */

const assert = require('node:assert/strict')
const { once } = require('node:events')
const { describe, test } = require('node:test')
const { createRevocations, redisStore } = require('logto-authkit/revocation')

/** A server with one stream, and the connections of its ioredis clients. */
class FakeRedis {
  /** @type {[id: string, fields: string[]][]} */
  items = []
  open = new Set()
  /** The commands that connections have sent, by name. @type {Record<string, number>} */
  sent = {}
  /** Overrides the replies to commands. A command whose reply is undefined waits. @type {Record<string, (...args: string[]) => any>} */
  replies = {}
  /** The commands that wait for a reply, oldest first. @type {{ resolve: (reply: any) => void, reject: (error: Error) => void, connection: any }[]} */
  waiting = []

  client() {
    const connection = {
      options: { host: 'redis.test', port: 6379 },
      duplicate: () => this.client(),
      on: () => connection,
      call() {},
      connect: async () => void this.open.add(connection),
      disconnect: () => this.cut(connection),
      callBuffer: (name, ...args) =>
        new Promise((resolve, reject) => {
          if (!this.open.has(connection)) throw new Error('Connection is closed.')
          this.sent[name] = (this.sent[name] ?? 0) + 1
          const reply = (this.replies[name] ?? this[name]).apply(this, args)
          if (reply === undefined) this.waiting.push({ resolve, reject, connection })
          else resolve(reply)
        }),
    }
    return connection
  }

  /** Ends a connection, or all connections. */
  cut(only) {
    for (const connection of only === undefined ? [...this.open] : [only]) {
      this.open.delete(connection)
      const isCut = (command) => command.connection === connection
      for (const { reject } of this.waiting.filter(isCut)) reject(new Error('Connection is closed.'))
      this.waiting = this.waiting.filter((command) => !isCut(command))
    }
  }

  XADD(...args) {
    const id = `${(this.items.length + 1) * 1000}-0`
    this.items.push([id, args.slice(5)])
    return id
  }

  XRANGE(_key, id) {
    return this.items.filter(([other]) => other === id)
  }

  XREAD(...args) {
    const start = Number.parseInt(String(args.at(-1)), 10)
    const items = this.items.filter(([id]) => Number.parseInt(id, 10) > start)
    if (items.length > 0) return [['key', items]]
    return args.includes('BLOCK') ? undefined : null
  }
}

/** A fake server, and a store that uses it. */
function startStore(t) {
  const server = new FakeRedis()
  const store = redisStore(/** @type {any} */ (server.client()))
  t.after(() => store.close?.())
  const append = (text, signal = unaborted) => store.append([text], { maxAgeMs: 1000, signal })
  return { server, store, append }
}

const unaborted = new AbortController().signal

/** Lets all settled promises run. */
const settle = () => new Promise((resolve) => setImmediate(resolve))

const wait = () => undefined

/** Ends the reader's connection while the reader waits for new stream items. */
async function loseReader(server, store) {
  const { XREAD } = server.replies
  server.replies.XREAD = wait
  const reading = store.read('0-0', { signal: unaborted })
  await settle()
  server.cut(server.waiting.at(-1).connection)
  await assert.rejects(reading)
  server.replies.XREAD = XREAD
}

describe('close()', () => {
  test('waits for a revocation in progress, and leaves no connection open', async (t) => {
    const { server, store } = startStore(t)
    const revocations = createRevocations({ store })
    await revocations.ready()
    server.replies.XADD = wait
    const revoked = revocations.revokeSubject('alice')
    await settle()
    const closed = Promise.all([revocations.close(), revocations.close()])
    await settle()
    const [command] = server.waiting
    server.replies = {}
    command.resolve('1-0')
    await revoked
    await closed
    await settle()
    assert.deepEqual([server.open.size, server.sent.XADD], [0, 1])
  })

  test('of the store is final: no function opens a connection afterwards', async (t) => {
    const { server, store, append } = startStore(t)
    server.replies = { XADD: wait, SET: wait }
    const pending = [append('a'), store.lease?.('name', 'holder', 1000)]
    const rejected = Promise.all(pending.map((promise) => assert.rejects(/** @type {any} */ (promise))))
    await settle()
    await store.close?.()
    await assert.rejects(append('b'))
    await assert.rejects(store.read(null, { signal: unaborted }))
    await rejected
    await settle()
    assert.deepEqual([server.open.size, server.sent], [0, { XADD: 1, SET: 1 }])
  })
})

describe('append', () => {
  test('is not interrupted by a reader that reconnects, on a connection that was opened since', async (t) => {
    const { server, store, append } = startStore(t)
    await store.read(null, { signal: unaborted })
    await append('a')
    await loseReader(server, store)
    server.cut()
    server.replies.XADD = wait
    const appended = append('b')
    await settle()
    server.replies = {}
    await store.read(null, { signal: unaborted })
    assert.equal(server.waiting.length, 1)
    server.waiting[0].resolve('2000-0')
    await appended
    assert.equal(server.sent.XADD, 2)
  })

  test('is sent again on a new connection if a reader that reconnects closes an older one', async (t) => {
    const { server, store, append } = startStore(t)
    await store.read(null, { signal: unaborted })
    server.replies = { XADD: wait }
    const appended = append('a')
    await settle()
    // The retry is used up by a lost connection.
    server.cut(server.waiting[0].connection)
    await settle()
    await loseReader(server, store)
    server.replies = {}
    await store.read(null, { signal: unaborted })
    await appended
    assert.deepEqual([server.sent.XADD, server.items.length], [3, 1])
  })

  test('is sent again if another append on the same connection is aborted', async (t) => {
    const { server, append } = startStore(t)
    server.replies.XADD = wait
    const appended = append('a')
    await settle()
    server.cut()
    await settle()
    const controller = new AbortController()
    const aborted = append('b', controller.signal)
    await settle()
    assert.deepEqual([server.waiting.length, server.open.size], [2, 1])
    server.replies = {}
    controller.abort()
    await assert.rejects(aborted)
    await appended
    assert.deepEqual(server.items, [['1000-0', ['e', 'a']]])
  })

  test('fails after two lost connections, and after two refusals', async (t) => {
    const { server, append } = startStore(t)
    for (const [isCut, message] of /** @type {[boolean, RegExp][]} */ ([
      [true, /closed/],
      [false, /NOREPLICAS/],
    ])) {
      server.sent.XADD = 0
      server.replies.XADD = isCut
        ? () => void setImmediate(() => server.cut())
        : () => Promise.reject(new Error('NOREPLICAS'))
      await assert.rejects(append('a'), message)
      assert.equal(server.sent.XADD, 2)
    }
  })
})

describe('read', () => {
  /**
   * A store that has read up to a stream item, after a failover to a primary that does not have this item, and whose
   * clock is behind.
   */
  async function afterFailover(t) {
    const { server, store, append } = startStore(t)
    await append('common')
    await store.read(null, { signal: unaborted })
    await append('lost')
    const { position } = await store.read('1000-0', { signal: unaborted })
    server.items = [server.items[0], ['1500-0', ['e', 'new']]]
    const read = async (from, signal = unaborted) => store.read(from, { signal })
    return { server, store, position, read }
  }

  test('finds the entries of a new primary that refuses writes, and stores lost entries again later', async (t) => {
    const { server, store, position, read } = await afterFailover(t)
    server.replies.XADD = () => Promise.reject(new Error('NOREPLICAS'))
    await loseReader(server, store)
    const batch = await read(position)
    assert.deepEqual(batch.entries, ['common', 'new'])
    const warned = once(process, 'warning')
    // Differences of fractions could round to less than a second.
    const now = Math.ceil(performance.now())
    let seconds = 1
    t.mock.method(performance, 'now', () => now + seconds * 1000)
    server.replies.XREAD = () => null
    assert.deepEqual((await read(batch.position)).entries, [])
    assert.match((await warned)[0].message, /refuses to store them again: NOREPLICAS$/)
    server.replies = {}
    seconds += 1
    assert.deepEqual((await read(batch.position)).entries, ['lost'])
  })

  test('checks the position again if it was aborted before the check was complete', async (t) => {
    const { server, store, position, read } = await afterFailover(t)
    await loseReader(server, store)
    server.replies.XADD = wait
    const controller = new AbortController()
    const reading = read(position, controller.signal)
    await settle()
    controller.abort()
    await assert.rejects(reading)
    server.replies = {}
    assert.deepEqual((await read(position)).entries, ['common', 'new', 'lost'])
  })

  /** A store whose checks the test controls, and a function that reads after a number of seconds. */
  function startChecking(t) {
    const { server, store } = startStore(t)
    const start = Math.ceil(performance.now())
    let now = start
    t.mock.method(performance, 'now', () => now)
    server.replies.XREAD = (...args) => server.XREAD(...args) ?? null
    const read = (seconds, from) => {
      now += seconds * 1000
      return store.read(from, { signal: unaborted })
    }
    return { server, read }
  }

  test('misses no entry if the stream is replaced between two reads of one connection', async (t) => {
    const { server, read } = startChecking(t)
    server.items = [['10-0', ['e', 'common']]]
    let { position } = await read(0, null)
    server.items.push(['30-0', ['e', 'lost']])
    ;({ position } = await read(2, position))
    const { position: last } = await read(0, position)
    // A replica follows another primary, and replaces its data.
    server.items = [
      ['10-0', ['e', 'common']],
      ['20-0', ['e', 'missed']],
      ['40-0', ['e', 'new']],
    ]
    const { entries, position: end } = await read(0, last)
    assert.deepEqual(entries, ['new'])
    assert.deepEqual((await read(2, end)).entries, ['missed', 'new'])
  })

  test('misses no entry for one of two readers that share a store', async (t) => {
    const { server, read } = startChecking(t)
    server.items = [['10-0', ['e', 'common']]]
    const { position } = await read(2, null)
    server.items.push(['30-0', ['e', 'lost']])
    const ends = [(await read(2, position)).position, (await read(2, position)).position]
    server.items = [
      ['10-0', ['e', 'common']],
      ['20-0', ['e', 'missed']],
      ['25-0', ['e', 'new']],
    ]
    for (const end of ends) {
      const { entries } = await read(2, end)
      assert.ok(entries.includes('missed') && entries.includes('new'), `${entries}`)
    }
  })
})

describe('lease', () => {
  test('is not held if another instance has taken it since it was read', async (t) => {
    const { server, store } = startStore(t)
    const holders = ['one', 'two']
    server.replies.SET = () => null
    server.replies.GET = () => holders.shift()
    server.replies.PEXPIRE = () => 1
    assert.equal(await store.lease?.('catch-up', 'one', 1000), false)
  })

  test('is requested again if an idle connection was closed', async (t) => {
    const { server, store } = startStore(t)
    server.replies.SET = () => 'OK'
    assert.equal(await store.lease?.('catch-up', 'one', 1000), true)
    server.cut()
    assert.equal(await store.lease?.('catch-up', 'one', 1000), true)
  })
})
