/** Time from importing a library to verifying the first token, with static keys. */

const { inChild } = require('../children')
const { alternate, ratio, spread } = require('../rounds')
const { AUDIENCE, createKey, minter } = require('../tokens')

const LOGTO_URL = 'https://auth.example.com'
const ISSUER = `${LOGTO_URL}/oidc`

/** @type {Record<string, string>} */
const TIMERS = { 'logto-authkit': 'timeOurs', jose: 'timeJose' }

/** @param {{ isQuick: boolean }} options */
async function run({ isQuick }) {
  const key = createKey('ES384')
  const data = { token: minter(key, ISSUER)(), jwks: { keys: [key.jwk] } }
  const times = await alternate(Object.keys(TIMERS), isQuick ? 5 : 25, (name) =>
    inChild(__filename, TIMERS[name], data, []),
  )
  const [ours, jose] = Object.keys(TIMERS).map((name) => times.get(name) ?? [])
  const rows = [...times].map(([name, figures]) => {
    const { median, low, high } = spread(figures)
    return [name, median.toFixed(1), `${low.toFixed(1)} to ${high.toFixed(1)}`]
  })
  const note = "One ES384 token and a static key set, in fresh processes that have already loaded Node's crypto module."
  return [
    {
      id: 'import',
      title: 'Import to first verification',
      note,
      rows: [['', 'milliseconds', 'quartiles'], ...rows],
      figures: { ratio: ratio(jose, ours).median },
    },
  ]
}

/** Runs in a separate process. @param {{ token: string, jwks: any }} data */
async function timeOurs({ token, jwks }) {
  const start = performance.now()
  const { createVerifier } = await import('logto-authkit')
  await createVerifier({ logtoUrl: LOGTO_URL, audience: AUDIENCE, jwks }).verify(token)
  return performance.now() - start
}

/** Runs in a separate process. @param {{ token: string, jwks: any }} data */
async function timeJose({ token, jwks }) {
  const start = performance.now()
  const { createLocalJWKSet, jwtVerify } = await import('jose')
  await jwtVerify(token, createLocalJWKSet(jwks), { issuer: ISSUER, audience: AUDIENCE })
  return performance.now() - start
}

module.exports = { run, timeJose, timeOurs }
