/**
 * Cases for the comparison with `jose`: a valid token like Logto's, its key set and options, with up to three changes
 * to any of them. The same seed and number produce the same case, except for the keys, which are new in every process.
 */

const { AUDIENCE, ISSUER, encode, signature } = require('../support/tokens')
const { CHANGES } = require('./changes')
const { ALGORITHMS, NOW, keyFor } = require('./keys')

/**
 * @typedef {import('../support/tokens').Key} TestKey
 * @typedef {ReturnType<typeof chance>} Chance
 * @typedef {[name: string, json: string][]} Members - Of a JSON object, which may contain duplicate names.
 * @typedef {{ audience: string | string[] | null, issuer: string | string[], algorithms: any[], tokenType: string | null,
 *   clockTolerance: number, currentDate: Date }} Options
 * @typedef {{ key: TestKey, signer: TestKey, header: Members, payload: Members, jwks: any, options: Options,
 *   headerText: (json: string) => string | Buffer, payloadText: (json: string) => string | Buffer,
 *   forge: ((signature: Buffer) => Buffer)[], edit: ((token: string) => string)[] }} Draft
 */

function makeCase(seed, number) {
  const draw = chance(seed, number)
  const key = keyFor(draw.one(OFTEN))
  const others = ['EdDSA', 'ES256', 'ES384', 'RS256'].filter((alg) => alg !== key.alg && draw.below(3) === 0)
  const draft = {
    key,
    signer: key,
    header: members({ alg: key.alg, typ: 'at+jwt', kid: key.jwk.kid }),
    payload: members(draw.one(CLAIMS)),
    jwks: { keys: structuredClone([key.jwk, ...others.map((alg) => keyFor(alg).jwk)]) },
    options: {
      audience: AUDIENCE,
      issuer: ISSUER,
      algorithms: ALGORITHMS,
      tokenType: 'at+jwt',
      clockTolerance: 0,
      currentDate: new Date(NOW * 1000),
    },
    headerText: (json) => json,
    payloadText: (json) => json,
    forge: [],
    edit: [],
  }
  const names = Array.from({ length: draw.one([0, 1, 1, 1, 1, 1, 2, 2, 3]) }, () => draw.one(NAMES))
  for (const name of names) CHANGES[name](draft, draw)
  const { jwks, options } = draft
  return { name: names.join(' + ') || 'nothing', token: tokenOf(draft), jwks, options }
}

function tokenOf({ signer, header, payload, headerText, payloadText, forge, edit }) {
  const input = `${encode(headerText(text(header)))}.${encode(payloadText(text(payload)))}`
  const signed = forge.reduce((octets, change) => change(octets), signature(signer, input))
  return edit.reduce((token, change) => change(token), `${input}.${signed.toString('base64url')}`)
}

/** A pseudo-random generator (mulberry32), seeded with the seed and the number. */
function chance(seed, number) {
  let state = Math.imul(seed ^ Math.imul(number + 1, 0x9e3779b1), 0x85ebca6b)
  const next = () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (end) => Math.floor(next() * end)
  return {
    below,
    one: (list) => list[below(list.length)],
  }
}

const members = (object) => Object.entries(object).map(([name, value]) => [name, JSON.stringify(value)])

const text = (members) => `{${members.map(([name, value]) => `${JSON.stringify(name)}:${value}`).join()}}`

const NAMES = Object.keys(CHANGES)

/** Favors algorithms that sign quickly. */
const OFTEN = ['EdDSA', 'EdDSA', 'EdDSA', 'EdDSA', 'ES256', 'ES256', 'ES384', 'RS256', ...ALGORITHMS]

const TIMES = { iat: NOW - 60, exp: NOW + 3540 }
const NAMED = { jti: 'QsylamkYCsJsKBRjLhlqXwRiRaAcAUYMvvYzyMMIUr8', iss: ISSUER, aud: AUDIENCE }

/** The claims of Logto's access tokens for a user, a machine and an organization member, and with additional claims. */
const CLAIMS = [
  { ...NAMED, sub: 'user1', ...TIMES, scope: 'read:orders write:orders', client_id: 'app1' },
  { ...NAMED, sub: 'app1', ...TIMES, scope: 'read:orders', client_id: 'app1' },
  { ...NAMED, sub: 'user1', ...TIMES, scope: '', client_id: 'app1', organization_id: 'org1' },
  { ...NAMED, sub: 'user1', ...TIMES, client_id: 'app1', roles: ['admin'], custom: { nested: [1, 2.5, null, 'ü'] } },
]

module.exports = { makeCase }
