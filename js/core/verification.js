/** Turns the core's result for a verification attempt into an `AuthContext`, or throws the rejection. */

const { runApplicationChecks, fallbackContext, hasApplicationChecks } = require('./acceptance')
const { trackVerification, yieldToOtherConnections } = require('./connections')
const { cachedContext, guestOrThrow, newContext } = require('./context')
const { AuthError, authError } = require('./errors')
const { outcomeOf, scheduleQueuedChecks } = require('./pending')
const { organizationFrom } = require('./organization')
const { isPromise, rethrow, settle } = require('./settle')
const { emitRejectionWarning, printError, printRejection } = require('./warnings')

/** @typedef {import('../..').AuthContext} AuthContext */
/** @typedef {import('../native/binding').RejectedRequest} RejectedRequest */
/** @typedef {import('./attempt').VerificationAttempt} VerificationAttempt */
/** @typedef {import('./attempt').Result} Result */
/** @typedef {import('./diagnostics').Trace} Trace */
/** @typedef {InstanceType<typeof AuthError>} Rejection */

/**
 * Verifies the token string or the request that an attempt was created for, and returns the resulting context. Returns
 * or throws synchronously if no part of the verification has to wait.
 *
 * @type {(attempt: VerificationAttempt, trace?: Trace) => AuthContext | Promise<AuthContext>}
 */
function contextOf(attempt, trace) {
  const { organizationId } = attempt.parsed.functions
  if (organizationId === undefined || attempt.source === undefined) return contextFrom(attempt.verify(), attempt, trace)
  return settle(
    () => organizationFrom(organizationId, attempt.source),
    (organization) => {
      attempt.requireOrganization(organization)
      return contextFrom(attempt.verify(), attempt, trace)
    },
    rethrow,
  )
}

/**
 * @param {Result} result
 * @param {VerificationAttempt} attempt
 * @param {Trace} [trace]
 * @returns {AuthContext | Promise<AuthContext>}
 */
function contextFrom(result, attempt, trace) {
  const { source } = attempt
  if (typeof result === 'number') {
    if (isPendingVerification(result)) {
      const outcome = outcomeOf(result)
      if (source !== undefined) trackVerification(source, result, outcome)
      return outcome.then((settled) => contextFrom(settled, attempt, trace))
    }
    if (trace !== undefined) trace.cached = true
    const auth = cachedContext(result, attempt)
    return hasApplicationChecks(attempt.parsed.functions) ? applyChecks(auth, attempt, trace) : auth
  }
  if (typeof result === 'string') return contextOfNewToken(newContext(result, attempt), attempt, trace)
  if (result.slow) scheduleQueuedChecks()
  // Only own properties are checked, because a polluted prototype must not turn a rejection into a context.
  if (!Object.hasOwn(result, 'context')) {
    const rejected = /** @type {RejectedRequest} */ (result)
    emitRejectionWarning(rejected)
    return handleRejection(rejected, attempt)
  }
  const { context, cached, position } = /** @type {import('../native/binding').VerifiedContext} */ (result)
  if (trace !== undefined) trace.cached = cached
  attempt.position = position
  return contextOfNewToken(newContext(context, attempt), attempt, trace)
}

/**
 * Returns the context of a token that was not in the cache. The result is a promise even if the application has no
 * checks of its own, so that the timing does not depend on the thread that checks the signature.
 *
 * @type {(auth: AuthContext, attempt: VerificationAttempt, trace?: Trace) => Promise<AuthContext>}
 */
const contextOfNewToken = async (auth, attempt, trace) =>
  hasApplicationChecks(attempt.parsed.functions) ? applyChecks(auth, attempt, trace) : auth

/** @type {(auth: AuthContext, attempt: VerificationAttempt, trace?: Trace) => AuthContext | Promise<AuthContext>} */
function applyChecks(auth, attempt, trace) {
  const rejection = runApplicationChecks(auth, attempt.parsed.functions, attempt.source)
  if (isPromise(rejection)) return rejection.then((settled) => acceptOrTryNextToken(auth, settled, attempt, trace))
  return acceptOrTryNextToken(auth, rejection, attempt, trace)
}

/** @type {(auth: AuthContext, rejection: Rejection | undefined, attempt: VerificationAttempt, trace?: Trace) => AuthContext | Promise<AuthContext>} */
function acceptOrTryNextToken(auth, rejection, attempt, trace) {
  if (rejection === undefined) return auth
  const nextAttempt = attempt.withRejection(rejection)
  return contextFrom(nextAttempt.verify(), nextAttempt, trace)
}

/** @type {(result: RejectedRequest, attempt: VerificationAttempt) => AuthContext | Promise<AuthContext>} */
function handleRejection(result, attempt) {
  const { parsed, source, firstRejection } = attempt
  if (result.code === 'overloaded' && source !== undefined) yieldToOtherConnections(source)
  const alternative = result.status === 401 ? attempt.alternatives?.shift() : undefined
  if (alternative !== undefined) {
    alternative.isAlternative = true
    return tryAlternativeToken(alternative, () => handleRejection(result, attempt))
  }
  // The core reports the first token's rejection. If the application rejected the first token, the core knows only the
  // error code.
  const knownRejection = firstRejection?.code === result.code ? firstRejection : undefined
  const { fallback } = parsed.functions
  if (fallback === undefined || attempt.isAlternative || (result.status !== 400 && result.status !== 401)) {
    return guestOrReject(result, knownRejection, attempt)
  }
  const error = knownRejection ?? authError(result)
  return settle(
    () => fallback(source, error),
    (principal) => {
      if (principal === null || principal === undefined) return guestOrReject(result, error, attempt, 'noPrincipal')
      return handlePrincipal(fallbackContext(principal, parsed, attempt.extras), result, attempt)
    },
    (thrown) => {
      // An `AuthError` that `fallback` throws is replaced by an ordinary error. Otherwise, it would count as a
      // rejection, and the request could be treated as a guest's.
      throw thrown instanceof AuthError
        ? new Error(`fallback has thrown: ${thrown.message}`, { cause: thrown })
        : thrown
    },
  )
}

/**
 * Returns the context of a guest, or throws the rejection: `error`, or the error for the core's result.
 *
 * @type {(result: RejectedRequest, error: Rejection | undefined, attempt: VerificationAttempt, rejectedOutcome?: 'noPrincipal') => AuthContext}
 */
function guestOrReject(result, error, attempt, rejectedOutcome) {
  const outcome = result.guestId === null ? rejectedOutcome : 'guest'
  if (error === undefined) printRejection(result, attempt.source, outcome)
  else printError(error, attempt.source, outcome)
  return guestOrThrow(result, error, attempt)
}

/**
 * Tries another token of the request, issued by a different Logto server. If that token is not valid either, the first
 * token's error is reported.
 *
 * @type {(alternative: VerificationAttempt, onFailure: () => AuthContext | Promise<AuthContext>) => AuthContext | Promise<AuthContext>}
 */
const tryAlternativeToken = (alternative, onFailure) =>
  settle(
    () => contextOf(alternative),
    (auth) => (auth.isGuest ? onFailure() : auth),
    (error) => {
      if (error instanceof AuthError) return onFailure()
      throw error
    },
  )

/** @type {(outcome: AuthContext | Rejection, result: RejectedRequest, attempt: VerificationAttempt) => AuthContext | Promise<AuthContext>} */
function handlePrincipal(outcome, result, attempt) {
  const rejectPrincipal = (/** @type {Rejection} */ rejection) => {
    // With 'no-token', a request whose principal was rejected is not treated as a guest.
    const isGuestAllowed = attempt.parsed.options.allowGuest !== 'no-token'
    return guestOrReject(isGuestAllowed ? result : { ...result, guestId: null }, rejection, attempt)
  }
  if (outcome instanceof AuthError) return rejectPrincipal(outcome)
  const rejection = runApplicationChecks(outcome, attempt.parsed.functions, attempt.source)
  const finish = (/** @type {Rejection | undefined} */ settled) => {
    if (settled !== undefined) return rejectPrincipal(settled)
    printRejection(result, attempt.source, 'fallback')
    return outcome
  }
  return isPromise(rejection) ? rejection.then(finish) : finish(rejection)
}

/**
 * Returns whether an id belongs to a verification that continues on another thread, rather than to a cached token.
 *
 * @param {number} id
 */
const isPendingVerification = (id) => id < 0

module.exports = { contextOf }
