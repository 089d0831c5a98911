const assert = require('node:assert/strict')
const { after, before, test } = require('node:test')
const { GUARDS, NOBODY, listen } = require('../../bench/apps')
const { startIssuer } = require('../../bench/issuer')
const { PEERS, accepted } = require('../../bench/peers')
const { ALGORITHMS, samples } = require('../../bench/tokens')

/** @typedef {import('../../bench/tokens').Algorithm} Algorithm */

/** @type {Map<Algorithm, Awaited<ReturnType<typeof startIssuer>> & { tokens: ReturnType<typeof samples> }>} */
const issuers = new Map()

before(async () => {
  for (const algorithm of /** @type {Algorithm[]} */ (Object.keys(ALGORITHMS))) {
    const issuer = await startIssuer(algorithm)
    issuers.set(algorithm, { ...issuer, tokens: samples(issuer.setup.key, issuer.setup.issuer) })
  }
})
after(() => {
  for (const { close } of issuers.values()) close()
})

for (const { name, lacks, prepare = String, create } of PEERS) {
  test(`the bench compares with ${name} on equal terms`, { timeout: 30_000 }, async () => {
    for (const [algorithm, { setup, tokens }] of issuers) {
      if (algorithm === lacks) continue
      for (const inFlight of [1, 64]) {
        const verify = create({ ...setup, inFlight })
        const passed = await accepted((token) => verify(prepare(token)), tokens)
        assert.deepEqual(passed, ['good'], algorithm)
      }
    }
  })
}

for (const name of Object.keys(GUARDS).filter((name) => name !== NOBODY)) {
  test(`the bench compares applications with ${name} on equal terms`, { timeout: 30_000 }, async (t) => {
    const issuer = issuers.get('ES384')
    assert.ok(issuer)
    const { url, close } = await listen({ name, setup: issuer.setup })
    t.after(close)
    const ask = async (/** @type {string} */ token) => {
      const { status } = await fetch(url, { headers: { authorization: `Bearer ${token}`, connection: 'close' } })
      return status === 200
    }
    assert.deepEqual(await accepted(ask, issuer.tokens), ['good'])
  })
}

test('what the bench says that a library lacks, it lacks', async () => {
  for (const { lacks, create } of PEERS) {
    const issuer = issuers.get(/** @type {Algorithm} */ (lacks))
    if (issuer !== undefined) assert.deepEqual(await accepted(create(issuer.setup), issuer.tokens), [])
  }
})
