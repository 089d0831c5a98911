/**
 * The same question to this library and to `jose`: generated tokens, key sets and options.
 *
 *     node __test__/differential/run.js --count 200000 --seed 1
 *     node __test__/differential/run.js --seed 1 --only 1234
 */

const assert = require('node:assert/strict')
const { inspect, parseArgs } = require('node:util')
const { createLocalJWKSet, importJWK, jwtVerify } = require('jose')
const { createVerifier } = require('logto-authkit')
const { makeCase } = require('./cases')
const { CLASSES } = require('./classes')
const { factsOf } = require('./facts')
const { LOGTO_URL } = require('../support/helpers')

/** @typedef {import('./cases').Case} Case */

/**
 * Compares so many cases. Throws at the first difference that is on no list.
 *
 * @param {{ count: number, seed: number, first?: number }} range
 */
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

/** @param {Case} made */
async function compareOne(made) {
  const [our, their] = [await ours(made), await theirs(made)]
  if (our.auth !== undefined && their.payload !== undefined) {
    assert.deepEqual(our.auth.payload, their.payload)
    assert.equal(our.auth.userId, their.payload.sub)
    return 'accepted'
  }
  if (our.auth === undefined && their.payload === undefined) return 'refused'
  const facts = factsOf(made, our.code)
  // No class is about the token where we are the one that accepts: given one of the keys alone, `jose` accepts it too.
  if (our.auth !== undefined) assert.deepEqual(our.auth.payload, await theirsWithAKey(made, facts))
  const classes = CLASSES.filter(({ ours, covers }) => (ours === 'accepted') === (our.code === null) && covers(facts))
  assert.ok(classes.length > 0, `ours: ${our.code ?? 'accepted'}, theirs: ${their.code ?? 'accepted'}`)
  return classes
}

/** @param {Case} made */
async function ours({ token, jwks, options }) {
  try {
    const verifier = createVerifier({ logtoUrl: LOGTO_URL, jwks, tokenCacheSize: 4, ...options })
    const auth = await verifier.verify(token)
    assert.deepEqual(await verifier.verify(token), auth, 'a remembered token is the same')
    return { auth, code: null }
  } catch (error) {
    return { code: String(codeOf(error)) }
  }
}

/** @param {Case} made */
async function theirs({ token, jwks, options }) {
  try {
    return { payload: (await jwtVerify(token, createLocalJWKSet(jwks), asJose(options))).payload, code: null }
  } catch (error) {
    return { code: codeOf(error) }
  }
}

/**
 * @param {Case} made
 * @param {import('./facts').Facts} facts
 */
async function theirsWithAKey({ token, options }, { header, named }) {
  const verifications = named.map(async ({ kty, crv, x, y, n, e }) => {
    const key = await importJWK({ kty, crv, x, y, n, e }, header.value.alg)
    return (await jwtVerify(token, key, asJose(options))).payload
  })
  return Promise.any(verifications)
}

/** @param {import('./cases').Options} options */
function asJose({ audience, tokenType, ...options }) {
  return { ...options, audience: audience ?? undefined, typ: tokenType ?? undefined, requiredClaims: ['exp', 'sub'] }
}

/** Refusals of `jose` that come from Web Cryptography have no code. @param {any} error */
function codeOf(error) {
  if (error instanceof assert.AssertionError) throw error
  return error.code ?? error.message
}

async function main() {
  const { values } = parseArgs({
    options: {
      count: { type: 'string', default: '200000' },
      seed: { type: 'string', default: '1' },
      only: { type: 'string' },
    },
  })
  const { only, seed } = values
  const count = only === undefined ? Number(values.count) : 1
  const { accepted, refused, classes } = await compare({ count, seed: Number(seed), first: Number(only ?? 0) })
  console.log(`seed ${seed}: ${count} cases, accepted by both ${accepted}, refused by both ${refused}, on the list:`)
  console.table(Object.fromEntries(classes))
  const common = CLASSES.filter(({ isRare }) => !isRare)
  const stale = common.map(({ name }) => name).filter((name) => classes.get(name) === 0)
  if (only !== undefined || stale.length === 0) return
  console.error(`No case was of these classes, which so have no place on the list: ${stale.join('; ')}`)
  process.exitCode = 1
}

if (require.main === module) main()

module.exports = { compare, compareOne }
