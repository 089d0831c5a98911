/** Creates keys, and signs tokens in Logto's format in advance. */

const { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes, sign } = require('node:crypto')
const { availableParallelism } = require('node:os')
const { Worker, isMainThread, parentPort, workerData } = require('node:worker_threads')

/**
 * @typedef {keyof typeof ALGORITHMS} Algorithm
 * @typedef {{ alg: string, hash: string | null, privateKey: string, publicKey: string, jwk: any }} Key
 */

const AUDIENCE = 'https://api.example.com'
const SCOPE = 'read:orders'

const ALGORITHMS = /** @type {const} */ ({
  ES384: { alg: 'ES384', hash: 'sha384', type: 'ec', parameters: { namedCurve: 'P-384' } },
  'RS256-2048': { alg: 'RS256', hash: 'sha256', type: 'rsa', parameters: { modulusLength: 2048 } },
  'RS256-4096': { alg: 'RS256', hash: 'sha256', type: 'rsa', parameters: { modulusLength: 4096 } },
  ES256: { alg: 'ES256', hash: 'sha256', type: 'ec', parameters: { namedCurve: 'P-256' } },
  EdDSA: { alg: 'EdDSA', hash: null, type: 'ed25519', parameters: {} },
})

/**
 * @param {Algorithm} algorithm
 * @returns {Key}
 */
function createKey(algorithm) {
  const { alg, hash, type, parameters } = ALGORITHMS[algorithm]
  const { privateKey, publicKey } = generateKeyPairSync(/** @type {any} */ (type), {
    ...parameters,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })
  const members = createPublicKey(publicKey).export({ format: 'jwk' })
  const kid = createHash('sha256').update(publicKey).digest('base64url')
  return { alg, hash, privateKey, publicKey, jwk: { ...members, kid, alg, use: 'sig' } }
}

/**
 * @param {Key} key
 * @param {string} issuer
 * @param {object} [claims] - Claims that override the defaults.
 */
function minter(key, issuer, claims) {
  const privateKey = createPrivateKey(key.privateKey)
  const now = Math.floor(Date.now() / 1000)
  const header = encode({ alg: key.alg, typ: 'at+jwt', kid: key.jwk.kid })
  return () => {
    const payload = encode({
      jti: randomBytes(32).toString('base64url'),
      sub: 'vt2nyp5v8kq5',
      iat: now,
      exp: now + 3600,
      scope: `${SCOPE} write:orders`,
      client_id: '3nr6h69e3anzo9km1y6hz',
      iss: issuer,
      aud: AUDIENCE,
      ...claims,
    })
    const signingInput = `${header}.${payload}`
    const signature = sign(key.hash, Buffer.from(signingInput), { key: privateKey, dsaEncoding: 'ieee-p1363' })
    return `${signingInput}.${signature.toString('base64url')}`
  }
}

/** @param {object} part */
const encode = (part) => Buffer.from(JSON.stringify(part)).toString('base64url')

/**
 * Signs distinct tokens in parallel on all cores.
 *
 * @param {Key} key
 * @param {string} issuer
 * @param {number} count
 * @returns {Promise<string[]>}
 */
async function mintMany(key, issuer, count) {
  const share = Math.ceil(count / availableParallelism())
  const shares = Array.from({ length: availableParallelism() }, () => {
    const worker = new Worker(__filename, { workerData: { mint: { key, issuer, count: share } } })
    return /** @type {Promise<string[]>} */ (
      new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))
    )
  })
  return (await Promise.all(shares)).flat().slice(0, count)
}

/**
 * Swaps the signatures of tokens. The forged tokens are as expensive to check as valid tokens.
 *
 * @param {string[]} tokens
 */
function forge(tokens) {
  const signatureStarts = tokens.map((token) => token.lastIndexOf('.'))
  return tokens.map((token, i) => {
    const other = (i + 1) % tokens.length
    return token.slice(0, signatureStarts[i]) + tokens[other].slice(signatureStarts[other])
  })
}

/**
 * Creates one valid token, and one invalid token for each check that every library must make.
 *
 * @param {Key} key
 * @param {string} issuer
 */
function samples(key, issuer) {
  const good = minter(key, issuer)
  const bad = (/** @type {object} */ claims) => minter(key, issuer, claims)()
  return {
    good: good(),
    bad: {
      signature: forge([good(), good()])[0],
      audience: bad({ aud: 'https://other.example.com' }),
      issuer: bad({ iss: 'https://other.example.com/oidc' }),
      expiry: bad({ iat: 1_700_000_000, exp: 1_700_003_600 }),
      scope: bad({ scope: `${SCOPE}:all write:orders` }),
    },
  }
}

if (!isMainThread && workerData?.mint) {
  const { key, issuer, count } = workerData.mint
  parentPort?.postMessage(Array.from({ length: count }, minter(key, issuer)))
}

module.exports = { ALGORITHMS, AUDIENCE, SCOPE, createKey, forge, mintMany, minter, samples }
