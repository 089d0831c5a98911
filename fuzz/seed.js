// Creates the initial corpus of each fuzz target from the recorded tokens and key sets.

const { mkdirSync, readFileSync, writeFileSync } = require('node:fs')
const { join } = require('node:path')

const capture = JSON.parse(readFileSync(join(__dirname, '../__test__/fixtures/capture.json'), 'utf8'))

/** @type {{ raw: string, format: string, header?: object, payload?: object }[]} */
const TOKENS = capture.tokens
const JWTS = TOKENS.filter(({ format }) => format === 'jwt')
/** @type {object[][]} */
const KEY_SETS = capture.jwks.map((/** @type {any} */ set) => set.body.keys)

/** Claims that the options in harness.rs accept. */
const OURS = { iss: 'https://tenant.test/oidc', aud: 'https://api.test', exp: 1795454332 }
const GRANTED = { scope: 'read:orders', roles: ['admin'], nbf: 1795450732 }
const HEADER = { alg: 'EdDSA', typ: 'at+jwt', kid: 'k' }

/** @param {unknown} value */
const json = (value) => JSON.stringify(value)

/** @type {Record<string, string[]>} */
const CORPORA = {
  token: [...TOKENS.map(({ raw }) => raw), 'A'.repeat(16_385)],
  header: JWTS.map(({ header }) => json(header)),
  claims: JWTS.flatMap(({ payload }) => [json(payload), json({ ...payload, ...OURS, ...GRANTED })]),
  keys: [...KEY_SETS.map((keys) => json({ keys })), ...KEY_SETS.flat().map(json)],
  request: JWTS.slice(0, 8).flatMap(({ raw }) => [
    `\nBearer ${raw}`,
    `logto_authtoken=${raw}; other="1"\n`,
    `guest_logto_authtoken=a-guest; logto_authtoken="${raw}"\nbearer  ${raw}\nBasic eDp5`,
  ]),
  pipeline: [
    ...JWTS.map(({ raw }) => raw),
    ...JWTS.map(({ payload }) => `${json(HEADER)}\n${json({ ...payload, ...OURS })}`),
  ],
}

for (const [target, inputs] of Object.entries(CORPORA)) {
  const folder = join(__dirname, 'corpus', target)
  mkdirSync(folder, { recursive: true })
  for (const [number, input] of inputs.entries()) writeFileSync(join(folder, `recorded-${number}`), input)
}
