/**
 * Compares the verdicts of this library and `jose` on generated tokens, key sets and options.
 *
 *     node __test__/differential/run.js --count 200000 --seed 1
 *     node __test__/differential/run.js --seed 1 --only 1234
 */

const assert = require('node:assert/strict')
const { inspect, parseArgs } = require('node:util')
const { createLocalJWKSet, importJWK, jwtVerify } = require('jose')
const { createVerifier } = require('logto-authkit')
const { recordRun } = require('../../scripts/record-run')
const { makeCase } = require('./cases')
const { CLASSES } = require('./classes')
const { factsOf } = require('./facts')
const { LOGTO_URL } = require('../support/tokens')

/** Compares this many cases. Throws at the first difference that is not on the list. */
async function compare({ count, seed, first = 0 }) {
  const figures = { accepted: 0, refused: 0, classes: new Map(CLASSES.map(({ name }) => [name, 0])) }
  for (let number = first; number < first + count; number += 1) {
    const made = makeCase(seed, number)
    try {
      const verdict = await compareOne(made)
      if (typeof verdict === 'string') figures[verdict] += 1
      else for (const { name } of verdict) figures.classes.set(name, (figures.classes.get(name) ?? 0) + 1)
    } catch (cause) {
      throw new Error(
        `seed ${seed}, case ${number} (${made.name}): ${inspect(made, { depth: 8, maxStringLength: null })}`,
        { cause },
      )
    }
  }
  return figures
}

async function compareOne(made) {
  const [our, their] = [await ours(made), await theirs(made)]
  if (our.auth !== undefined && their.payload !== undefined) {
    assert.deepEqual(our.auth.payload, their.payload)
    assert.equal(our.auth.userId, their.payload.sub)
    return 'accepted'
  }
  if (our.auth === undefined && their.payload === undefined) return 'refused'
  const facts = factsOf(made, our.code)
  // If only we accept a token, the difference is about the key set: `jose` must accept it with one of the keys alone.
  if (our.auth !== undefined) assert.deepEqual(our.auth.payload, await theirsWithAKey(made, facts))
  const classes = CLASSES.filter(({ ours, covers }) => (ours === 'accepted') === (our.code === null) && covers(facts))
  assert.ok(classes.length > 0, `ours: ${our.code ?? 'accepted'}, theirs: ${their.code ?? 'accepted'}`)
  return classes
}

async function ours({ token, jwks, options }) {
  try {
    const verifier = createVerifier({ logtoUrl: LOGTO_URL, jwks, tokenCacheSize: 4, ...options })
    const auth = await verifier.verify(token)
    assert.deepEqual(await verifier.verify(token), auth, 'a cached result is the same')
    return { auth, code: null }
  } catch (error) {
    return { code: String(codeOf(error)) }
  }
}

async function theirs({ token, jwks, options }) {
  try {
    return { payload: (await jwtVerify(token, createLocalJWKSet(jwks), asJose(options))).payload, code: null }
  } catch (error) {
    return { code: codeOf(error) }
  }
}

async function theirsWithAKey({ token, options }, { header, named }) {
  const verifications = named.map(async ({ kty, crv, x, y, n, e }) => {
    const key = await importJWK({ kty, crv, x, y, n, e }, header.value.alg)
    return (await jwtVerify(token, key, asJose(options))).payload
  })
  return Promise.any(verifications)
}

function asJose({ audience, tokenType, ...options }) {
  return { ...options, audience: audience ?? undefined, typ: tokenType ?? undefined, requiredClaims: ['exp', 'sub'] }
}

/** Errors of `jose` that come from Web Crypto have no code. */
function codeOf(error) {
  if (error instanceof assert.AssertionError) throw error
  return error.code ?? error.message
}

async function main() {
  // Warnings about rejected tokens would hide the results.
  process.removeAllListeners('warning')
  const { values } = parseArgs({
    options: {
      count: { type: 'string', default: '200000' },
      seed: { type: 'string', default: '1' },
      only: { type: 'string' },
      record: { type: 'boolean', default: false },
    },
  })
  const { only, seed } = values
  const count = only === undefined ? Number(values.count) : 1
  const { accepted, refused, classes } = await compare({ count, seed: Number(seed), first: Number(only ?? 0) })
  console.log(
    `seed ${seed}: ${count} cases, accepted by both ${accepted}, rejected by both ${refused}, listed differences:`,
  )
  console.table(Object.fromEntries(classes))
  if (values.record) {
    // The comparison throws at the first difference that is not on the list.
    const [both, none] = [accepted, refused].map((figure) => figure.toLocaleString('en'))
    recordRun({
      name: 'Comparison with `jose`',
      command: `npm run test:differential -- --count ${count} --seed ${seed}`,
      result: `${count.toLocaleString('en')} cases: accepted by both ${both}, rejected by both ${none}, the rest are listed differences; invalid tokens accepted: 0`,
    })
  }
  const common = CLASSES.filter(({ isRare }) => !isRare)
  const stale = common.map(({ name }) => name).filter((name) => classes.get(name) === 0)
  if (only !== undefined || stale.length === 0) return
  console.error(`No case belongs to these classes, so they do not belong on the list: ${stale.join('; ')}`)
  process.exitCode = 1
}

if (require.main === module) main()

module.exports = { compare, compareOne }
