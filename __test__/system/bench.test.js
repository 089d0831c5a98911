const assert = require('node:assert/strict')
const { readFileSync } = require('node:fs')
const { join } = require('node:path')
const { after, before, test } = require('node:test')
const { GUARDS, NO_AUTH, listen } = require('../../bench/apps')
const { chart } = require('../../bench/chart')
const { startIssuer } = require('../../bench/issuer')
const { OURS, PEERS, acceptedSamples } = require('../../bench/peers')
const { document } = require('../../bench/report')
const { load } = require('../../bench/results')
const { ALGORITHMS, samples } = require('../../bench/tokens')

/** @typedef {import('../../bench/tokens').Algorithm} Algorithm */

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

for (const { name, unsupported, prepare = String, create } of PEERS) {
  test(`the benchmark makes ${name} perform the same checks`, { timeout: 300_000 }, async () => {
    for (const [algorithm, { setup, tokens }] of issuers) {
      if (algorithm === unsupported) continue
      for (const inFlight of [1, 64]) {
        const verify = create({ ...setup, inFlight })
        const passed = await acceptedSamples((token) => verify(prepare(token)), tokens)
        assert.deepEqual(passed, ['good'], algorithm)
      }
    }
  })
}

const guarded = Object.keys(GUARDS).filter((name) => name !== NO_AUTH)
const applications = [...guarded.map((name) => ({ name, isPlain: false })), { name: OURS, isPlain: true }]
for (const { name, isPlain } of applications) {
  test(`the benchmark's ${isPlain ? 'plain server' : 'application'} with ${name} performs the same checks`, {
    timeout: 300_000,
  }, async (t) => {
    const issuer = issuers.get('ES384')
    assert.ok(issuer)
    const { url, close } = await listen({ name, setup: issuer.setup, isPlain })
    t.after(close)
    const ask = async (token) => {
      const { status } = await fetch(url, { headers: { authorization: `Bearer ${token}`, connection: 'close' } })
      return status === 200
    }
    assert.deepEqual(await acceptedSamples(ask, issuer.tokens), ['good'])
  })
}

test('a library listed as lacking an algorithm rejects tokens signed with it', async () => {
  for (const { unsupported, create } of PEERS) {
    const issuer = issuers.get(/** @type {Algorithm} */ (unsupported))
    if (issuer !== undefined) assert.deepEqual(await acceptedSamples(create(issuer.setup), issuer.tokens), [])
  }
})

test('docs/bench.md and docs/bench.svg are generated from bench/results.json', () => {
  const page = (name) => readFileSync(join(__dirname, '../../docs', name), 'utf8')
  const results = load()
  assert.equal(page('bench.md'), document(results))
  assert.equal(page('bench.svg'), chart(results.cases))
})

test('the chart sorts its bars, and compares previously verified tokens only with libraries that cache them', () => {
  const groups = chart(load().cases).split('<g ').slice(1)
  assert.equal(groups.length, 6)
  for (const group of groups) {
    const [names, values] = ['name', 'value'].map((kind) =>
      [...group.matchAll(new RegExp(`class="${kind}[^>]*>([^<]+)<`, 'g'))].map(([, text]) => text),
    )
    const rates = values.map((text) => Number(text.replaceAll(',', '')))
    assert.deepEqual(
      rates,
      [...rates].sort((a, b) => b - a),
    )
    assert.match(group, /class="unit" y="28">(verifications|requests) per second/)
    if (!group.includes('reviously verified')) continue
    const caching = PEERS.filter(({ cachesTokens }) => cachesTokens).map(({ name }) => name)
    assert.deepEqual(
      names.filter((name) => name !== NO_AUTH && !caching.includes(name)),
      [],
    )
  }
})
