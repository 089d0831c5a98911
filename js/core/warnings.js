/**
 * Warnings and debug output for operators. Each warning is emitted only once, so that outsiders cannot flood the log.
 */

const { debuglog } = require('node:util')
const { rejectionFrom } = require('./errors')

/** @typedef {import('../native/binding').RejectedRequest} RejectedRequest */

/** The maximum length of a request's path, and of a cause, in the debug output. */
const MAX_LENGTH = 1000

/** Prints only if `NODE_DEBUG` contains `logto-authkit`. */
const printDebug = debuglog('logto-authkit')

/** What the debug output says about a request without a valid token. */
const OUTCOMES = {
  guest: 'treated as a guest because of',
  rejectedGuest: 'guest rejected with',
  fallback: 'accepted by `fallback` despite',
  noPrincipal: 'rejected (`fallback` returned no principal) with',
}

/**
 * Emits the rejection's warning, which the core creates once per error code and verifier.
 *
 * @param {RejectedRequest} rejected
 */
function emitRejectionWarning({ code, warning }) {
  if (warning !== null) process.emitWarning(warning, { code: `LOGTO_AUTHKIT_${code.toUpperCase()}` })
}

/**
 * Prints a rejection for debugging. The details of a rejection contain no token.
 *
 * @template {Pick<RejectedRequest, 'code' | 'status' | 'message' | 'details' | 'cause'>} T
 * @param {T} rejected
 * @param {unknown} [rejectedInput] - The request, or what else was rejected, such as `webhook`.
 * @param {keyof typeof OUTCOMES} [outcome]
 */
function printRejection(rejected, rejectedInput, outcome) {
  if (printDebug.enabled) {
    const { code, status, message, details, cause } = rejected
    // A cause may be the error of the application's own store.
    const reason = cause === null ? '' : ` ${toSingleLine(cause)}`
    const { subject, hint } =
      typeof rejectedInput === 'string'
        ? { subject: `${rejectedInput} `, hint: '' }
        : describeRequest(rejectedInput, code)
    const verb = outcome === undefined ? 'rejected with' : OUTCOMES[outcome]
    const hints = hint + detailsHint(details)
    const separator = reason !== '' && hints !== '' ? '.' : ''
    const text = `${message} ${withReadableTimes(details)}${reason}${separator}${hints}`
    printDebug('%s%s %s (%d): %s', subject, verb, code, status, text)
  }
  return rejected
}

/**
 * Returns a sentence that explains details whose meaning is not obvious.
 *
 * @param {string} details
 */
function detailsHint(details) {
  const { reason, unverifiedIss, typ } = JSON.parse(details)
  if (reason === 'client_disconnected')
    return ' If the handler has already responded, it did not await the verification.'
  if (typ === null) return ' An ID token has no `typ`: send an access token instead.'
  if (unverifiedIss === undefined) return ''
  return ' The token names another issuer: compare LOGTO_URL with the Logto server that issued the token.'
}

/**
 * Prints an error with which the application, rather than the core, has rejected a request.
 *
 * @param {InstanceType<typeof import('./errors').AuthError>} error
 * @param {unknown} [request]
 * @param {keyof typeof OUTCOMES} [outcome]
 */
const printError = (error, request, outcome) =>
  void printRejection({ ...rejectionFrom(error), cause: null }, request, outcome)

/**
 * Returns the method and the path of a request, as far as the framework's request object has them. The hint says if the
 * query contains a token, which is not read.
 *
 * @param {any} source
 * @param {string} code
 */
function describeRequest(source, code) {
  let method, url
  try {
    const request = typeof source.method === 'string' ? source : (source.req ?? source.request)
    method = request.method
    url = request.originalUrl ?? request.url
  } catch {
    // Accessors of frameworks may throw, such as `request` in the proxy of Next.js. Debug output must not fail
    // requests.
  }
  // In gRPC, `request` is the message of the client, which may contain anything.
  if (!/^[A-Z-]{1,20}$/i.test(method) || typeof url !== 'string') return { subject: '', hint: '' }
  const parameter = code === 'missing_token' ? /[?&](\w{0,40}(?:token|jwt))=/i.exec(url)?.[1] : undefined
  const hint = parameter === undefined ? '' : ` The library does not read the URL parameter "${parameter}".`
  return { subject: `${method} ${toSingleLine(safePath(url))} `, hint }
}

/**
 * Returns the path of a URL without anything that may be a secret: user name and password, query, parameters after a
 * semicolon, tokens, and long random values. Percent-encoding must not hide a secret, so the path is decoded.
 *
 * @param {string} url
 */
function safePath(url) {
  let path = url.replace(/^[\w+.-]+:\/\/[^/?#]*/, '').replace(/^\/\/[^/?#]*@/, '//')
  for (let i = 0; i < MAX_DECODINGS; i += 1) path = decodeAscii(path)
  return path
    .replace(/[?#;&].*$/s, '')
    .replace(/pat_\w+|eyJ[\w.-]*/gi, '…')
    .replace(/[\w.~+=-]{32,}/g, (word) => ([/\d/, /[a-z]/, /[A-Z]/].every((kind) => kind.test(word)) ? '…' : word))
}

/** How often a path is decoded, because a client may have encoded it several times. */
const MAX_DECODINGS = 5

/** @param {string} text */
const decodeAscii = (text) =>
  text.replace(/%([2-7][\da-f])/gi, (_, code) => String.fromCharCode(Number.parseInt(code, 16)))

/** @param {string} text */
const toSingleLine = (text) => text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ').slice(0, MAX_LENGTH)

/** The details that contain Unix times in seconds, apart from `now`. */
const TIMES = ['exp', 'nbf', 'iat']

/**
 * Converts the Unix times in a rejection's details to ISO 8601, and adds their distance from the current time. The
 * conversion never fails, because the core has checked that a `Date` can represent each of these times.
 *
 * @param {string} details
 */
function withReadableTimes(details) {
  const { now } = JSON.parse(details)
  if (typeof now !== 'number') return details
  /** @type {string[]} */
  const distances = []
  const readable = JSON.stringify(JSON.parse(details), (name, value) => {
    if (typeof value !== 'number' || ![...TIMES, 'now'].includes(name)) return value
    const seconds = Math.round(now - value)
    if (name !== 'now') distances.push(`${name} ${seconds < 0 ? `in ${-seconds} s` : `${seconds} s ago`}`)
    return new Date(value * 1000).toISOString()
  })
  return distances.length === 0 ? readable : `${readable} (${distances.join(', ')})`
}

/**
 * Returns a function that emits a warning only the first time it is called. The details that are passed to that call
 * are appended to the message.
 *
 * @param {string} code
 * @param {string} message
 * @param {string} [type]
 */
function createOneTimeWarning(code, message, type) {
  let hasWarned = false
  return (details = '') => {
    if (hasWarned) return
    hasWarned = true
    process.emitWarning(message + details, { type, code })
  }
}

module.exports = { createOneTimeWarning, emitRejectionWarning, printError, printRejection }
