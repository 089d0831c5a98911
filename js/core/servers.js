/** Options for several Logto servers. The issuer in a request's token selects the server. */

const { contract } = require('./contract')
const { invalidOption } = require('./errors')
const { isEqual, ownProperty } = require('./plain')
const { settle } = require('./settle')

/** @typedef {import('./options').Parsed} Parsed */
/** @typedef {InstanceType<typeof import('./attempt').RequestVerificationAttempt>} RequestVerificationAttempt */

/**
 * Parses options, or an array with the options for each server.
 *
 * @param {(optionSet: string, options: unknown) => Parsed} parseOne
 * @param {string} optionSet
 * @param {unknown} options
 * @returns {Parsed}
 */
function parseServers(parseOne, optionSet, options) {
  const isArray = Array.isArray(options) && options.length > 0 && options.every((item) => typeof item === 'object')
  if (!isArray) return parseOne(optionSet, options)
  const servers = options.map((server) => parseOne(optionSet, server))
  const [first, ...others] = servers
  rejectSharedIssuers(servers)
  for (const name of adapterOptions(optionSet)) {
    for (const server of others) {
      if (isSameOption(first, server, name)) continue
      throw invalidOption(name, 'the same value in all entries, since it belongs to the adapter', server.options[name])
    }
  }
  return { ...first, servers }
}

/** @param {Parsed[]} servers */
function rejectSharedIssuers(servers) {
  const issuers = new Set()
  for (const { core } of servers) {
    for (const issuer of core.verifier.issuers) {
      if (issuers.has(issuer)) throw invalidOption('issuer', 'an issuer that no other entry has', issuer)
      issuers.add(issuer)
    }
  }
}

/**
 * Returns the names of the adapter's own options, which do not depend on the Logto server.
 *
 * @param {string} optionSet
 */
function adapterOptions(optionSet) {
  const { options } = contract()
  const verifierOptions = new Set(options.verifier.map(({ name }) => name))
  return options[optionSet].map(({ name }) => name).filter((name) => !verifierOptions.has(name))
}

/** @type {(first: Parsed, other: Parsed, name: string) => boolean} */
const isSameOption = (first, other, name) =>
  ownProperty(first.functions, name) === ownProperty(other.functions, name) &&
  isEqual(ownProperty(first.options, name), ownProperty(other.options, name), 2)

/**
 * Returns the parsed options and the functions that the application passed, with the given changes.
 *
 * @type {(parsed: Parsed, changes: object) => any}
 */
function withChangedOptions({ options, functions: { claims, ...functions } }, changes) {
  const definedFunctions = Object.entries(functions).filter(([, value]) => value !== undefined)
  const schema = claims && { claims: { '~standard': { version: 1, validate: claims } } }
  return { ...options, ...Object.fromEntries(definedFunctions), ...schema, ...changes }
}

/**
 * Reads the tokens that the application's `getToken` returns. If several servers have the same `getToken`, it is called
 * only once per request.
 *
 * @param {RequestVerificationAttempt[]} attempts - One per server.
 * @param {unknown} source
 * @returns {Promise<unknown> | undefined}
 */
function readTokens(attempts, source) {
  const attemptsCallingGetToken = attempts.filter(({ parsed }) => parsed.functions.getToken !== undefined)
  if (attemptsCallingGetToken.length === 0) return undefined
  const tokens = new Map()
  return Promise.all(
    attemptsCallingGetToken.map(async (attempt) => {
      const getToken = /** @type {Function} */ (attempt.parsed.functions.getToken)
      if (!tokens.has(getToken))
        tokens.set(
          getToken,
          settle(
            () => getToken(source),
            (/** @type {unknown} */ token) => token,
            rejectedPromise,
          ),
        )
      attempt.useToken(await tokens.get(getToken))
    }),
  )
}

/** @param {unknown} error */
const rejectedPromise = (error) => Promise.reject(error)

/**
 * Selects the server that issued the request's first token according to its `iss` claim. If the first token is
 * rejected, each of the request's other tokens is tried with the server that issued it. For a request without a token,
 * the first server in the options array is selected. If no token names a known issuer, the first server whose token
 * sources contain a token is selected.
 *
 * @param {RequestVerificationAttempt[]} attempts - One per server.
 * @returns {RequestVerificationAttempt}
 */
function selectServer(attempts) {
  const positions = new Map(attempts.map((attempt) => [attempt, attempt.route()]))
  const position = (/** @type {RequestVerificationAttempt} */ attempt) => /** @type {number} */ (positions.get(attempt))
  const [selected, ...alternatives] = attempts
    .filter((attempt) => position(attempt) >= 0)
    .sort((a, b) => position(a) - position(b))
  if (selected === undefined) return attempts.find((attempt) => position(attempt) === UNMATCHED_TOKENS) ?? attempts[0]
  selected.alternatives = alternatives
  return selected
}

/** The core's result if all of a request's tokens are from other issuers, or if one source contains two tokens. */
const UNMATCHED_TOKENS = -1

/**
 * Adds up the statistics of several verifiers. `state` is the worst state of the verifiers' key sets.
 *
 * @param {import('../..').VerifierStats[]} stats
 * @returns {import('../..').VerifierStats}
 */
function totalStats(stats) {
  const jwks = stats.map((each) => each.jwks)
  const sum = (/** @type {number[]} */ numbers) => numbers.reduce((total, number) => total + number, 0)
  const fetchedAt = jwks.flatMap((each) => each.fetchedAt ?? [])
  return {
    tokens: {
      size: sum(stats.map(({ tokens }) => tokens.size)),
      hits: sum(stats.map(({ tokens }) => tokens.hits)),
      misses: sum(stats.map(({ tokens }) => tokens.misses)),
    },
    jwks: {
      state:
        /** @type {const} */ (['empty', 'stale', 'fresh']).find((state) => jwks.some((each) => each.state === state)) ??
        'empty',
      keys: sum(jwks.map(({ keys }) => keys)),
      fetches: sum(jwks.map(({ fetches }) => fetches)),
      failures: sum(jwks.map(({ failures }) => failures)),
      fetchedAt: fetchedAt.length < jwks.length ? null : Math.min(...fetchedAt),
      lastError: jwks.find(({ lastError }) => lastError !== null)?.lastError ?? null,
    },
  }
}

module.exports = { withChangedOptions, parseServers, readTokens, selectServer, totalStats }
