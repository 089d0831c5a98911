/** Checks the server's certificate for `doctor`. */

const { formatDate } = require('./times')

/** @typedef {import('./http').Answer} Answer */
/** @typedef {import('./doctor-findings').Finding} Finding */

/**
 * The core decides whether to trust a certificate, because the core accepts the system's certificate authorities in
 * addition to Node's.
 *
 * @param {Answer | Error} keys
 * @param {{ reason: string, code: string | null } | null} failure
 * @param {Record<string, string | undefined>} env
 * @returns {Finding}
 */
function certificateFinding(keys, failure, env) {
  const check = 'TLS'
  const extraCaNote = env.NODE_EXTRA_CA_CERTS ? `, NODE_EXTRA_CA_CERTS is ${env.NODE_EXTRA_CA_CERTS}` : ''
  if (keys instanceof Error)
    return { check, ok: null, found: `not checked, because the connection failed${extraCaNote}` }
  const { certificate } = keys
  const summary = certificate
    ? `certificate issued by ${certificate.issuer}, valid until ${formatDate(certificate.until.getTime() / 1000)}${extraCaNote}`
    : `the server presented no certificate${extraCaNote}`
  if (failure === null || (certificate && !/certificate|handshake|tls/i.test(failure.reason)))
    return { check, ok: certificate ? true : null, found: summary }
  if (!certificate) return { check, ok: null, found: summary }
  const advice =
    ADVICE_BY_CODE[failure.code ?? ''] ??
    (UNTRUSTED_CERTIFICATE_CODES.includes(failure.code ?? '')
      ? certificateAuthorityAdvice(failure.reason, env)
      : DEFAULT_ADVICE)
  return { check, ok: false, found: `${failure.reason} (${summary})`, advice }
}

/** @type {(reason: string, env: Record<string, string | undefined>) => string} */
function certificateAuthorityAdvice(reason, { NODE_EXTRA_CA_CERTS }) {
  if (/has no effect, because its file/.test(reason)) return 'Fix the file that NODE_EXTRA_CA_CERTS names.'
  const extraCaNote = NODE_EXTRA_CA_CERTS ? '; the file it names now does not contain this CA' : ''
  return `For a private CA, start Node with NODE_EXTRA_CA_CERTS=/path/to/ca.pem${extraCaNote}.`
}

/**
 * What the user should do if Node rejects the server's certificate, keyed by Node's error code.
 *
 * @type {Record<string, string>}
 */
const ADVICE_BY_CODE = {
  CERT_HAS_EXPIRED:
    "The certificate has expired. Renew it on the server. If it is still valid, this machine's clock is wrong.",
  CERT_NOT_YET_VALID: "The certificate is not valid yet. Check this machine's clock.",
  ERR_TLS_CERT_ALTNAME_INVALID:
    'The certificate is valid for other hostnames. Use one of those, or install a certificate for this one.',
}

/** Node's error codes for certificates that no trusted authority has issued. */
const UNTRUSTED_CERTIFICATE_CODES = [
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]

const DEFAULT_ADVICE =
  "Change the server's certificate or TLS settings. Node may accept them, but keys are fetched with rustls."

module.exports = { certificateFinding }
