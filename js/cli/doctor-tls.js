/** The finding of `doctor` about the server's certificate. */

const { formatDate } = require('./hints')

/** @typedef {import('./http').Answer} Answer */
/** @typedef {import('./doctor-findings').Finding} Finding */

/**
 * The core decides whether to trust a certificate, because the core accepts the system's certificate authorities in
 * addition to Node's.
 *
 * @param {Answer | Error} keys
 * @param {string | null} outage
 * @param {Record<string, string | undefined>} env
 * @returns {Finding}
 */
function certificateFinding(keys, outage, env) {
  const check = 'TLS'
  const extra = env.NODE_EXTRA_CA_CERTS ? `, NODE_EXTRA_CA_CERTS is ${env.NODE_EXTRA_CA_CERTS}` : ''
  const shown = keys instanceof Error ? null : keys.certificate
  const about = shown
    ? `certificate issued by ${shown.issuer}, valid until ${formatDate(shown.until.getTime() / 1000)}${extra}`
    : `the server presented no certificate${extra}`
  if (outage === null || (shown && !/certificate|handshake|tls/i.test(outage)))
    return { check, ok: shown ? true : null, found: about }
  if (!shown) return { check, ok: null, found: about }
  const private_ = /has no effect, because its file/.test(outage)
    ? 'Fix the file that NODE_EXTRA_CA_CERTS names.'
    : `For a private CA, start Node with NODE_EXTRA_CA_CERTS=/path/to/ca.pem${env.NODE_EXTRA_CA_CERTS ? '; the file it names now does not contain this CA' : ''}.`
  const [, advice] = /** @type {[RegExp, string][]} */ ([
    [
      /expired/,
      "The certificate has expired. Renew it on the server. If it is still valid, this machine's clock is wrong.",
    ],
    [
      /valid for name/,
      'The certificate is valid for other hostnames. Use one of those, or install a certificate for this one.',
    ],
    [/not valid yet/, "The certificate is not valid yet. Check this machine's clock."],
    [/not trusted/, private_],
    [/./, "Change the server's certificate or TLS settings. Node may accept them, but keys are fetched with rustls."],
  ]).find(([reason]) => reason.test(outage)) ?? ['', private_]
  return { check, ok: false, found: `${outage} (${about})`, advice }
}

module.exports = { certificateFinding }
