/** X.509 certificates (RFC 5280) created with Node.js alone: a certificate authority and its servers. */

const { generateKeyPairSync, randomBytes, randomUUID, sign } = require('node:crypto')
const { isIP } = require('node:net')
const { temporaryFolder } = require('./files')

/** @typedef {{ key: string, cert: string }} Identity - PEM, as `https.createServer` takes it */

/** A certificate authority with a unique name. */
function createAuthority() {
  const name = distinguishedName(`Test authority ${randomUUID()}`)
  const keyPair = newKeyPair()
  const cert = certificate(name, name, keyPair, keyPair, NOW_AND_TOMORROW, [IS_AUTHORITY])
  /** The key and certificate of a server. @param {{ names?: string[], from?: Date, until?: Date }} [terms] */
  function issue({ names = ['localhost', '127.0.0.1'], ...validity } = {}) {
    const own = newKeyPair()
    const extensions = [subjectAlternativeNames(names)]
    const subject = distinguishedName('Test server')
    const cert = certificate(name, subject, keyPair, own, { ...NOW_AND_TOMORROW, ...validity }, extensions)
    return { key: own.key, cert }
  }
  return {
    cert,
    issue,
    expired: () => issue({ until: new Date(Date.now() - DAY / 2) }),
    notYetValid: () => issue({ from: new Date(Date.now() + DAY / 2) }),
    forAnotherHost: () => issue({ names: ['other.example.test'] }),
  }
}

/** A new authority, and its certificate in a file. The folder is removed after the tests. */
function saveAuthority(context) {
  const authority = createAuthority()
  const { save } = temporaryFolder(context)
  return { authority, certificate: save('authority.pem', authority.cert), save }
}

/** The key and self-signed certificate of a server. */
function createSelfSigned() {
  const name = distinguishedName('Test server')
  const keyPair = newKeyPair()
  const extensions = [subjectAlternativeNames(['localhost', '127.0.0.1'])]
  return { key: keyPair.key, cert: certificate(name, name, keyPair, keyPair, NOW_AND_TOMORROW, extensions) }
}

function newKeyPair() {
  const { privateKey, publicKey } = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'der' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })
  return { key: privateKey, spki: publicKey }
}

function certificate(issuer, subject, signer, own, { from, until }, extensions) {
  const serial = der(INTEGER, Buffer.from([1]), randomBytes(8))
  const validity = der(SEQUENCE, utcTime(from), utcTime(until))
  const version3 = der(CONTEXT | 0, der(INTEGER, Buffer.from([2])))
  const signed = der(
    SEQUENCE,
    ...[version3, serial, ECDSA_WITH_SHA256, issuer, validity, subject, own.spki],
    der(CONTEXT | 3, der(SEQUENCE, ...extensions)),
  )
  const signature = der(BIT_STRING, Buffer.from([0]), sign('sha256', signed, signer.key))
  const base64 = der(SEQUENCE, signed, ECDSA_WITH_SHA256, signature).toString('base64')
  return `-----BEGIN CERTIFICATE-----\n${base64.replace(/.{1,64}/g, '$&\n')}-----END CERTIFICATE-----\n`
}

const distinguishedName = (commonName) =>
  der(SEQUENCE, der(SET, der(SEQUENCE, oid('550403'), der(UTF8_STRING, Buffer.from(commonName)))))

function subjectAlternativeNames(names) {
  const entries = names.map((name) =>
    isIP(name) ? der(IMPLICIT | 7, Buffer.from(name.split('.').map(Number))) : der(IMPLICIT | 2, Buffer.from(name)),
  )
  return der(SEQUENCE, oid('551d11'), der(OCTET_STRING, der(SEQUENCE, ...entries)))
}

const utcTime = (date) => der(UTC_TIME, Buffer.from(`${date.toISOString().replace(/\D/g, '').slice(2, 14)}Z`))

const oid = (hex) => der(OBJECT_IDENTIFIER, Buffer.from(hex, 'hex'))

/** Tag, length, value (X.690 section 8.1). */
function der(tag, ...parts) {
  const value = Buffer.concat(parts)
  const { length } = value
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...size]), value])
}

const INTEGER = 0x02
const BIT_STRING = 0x03
const OCTET_STRING = 0x04
const OBJECT_IDENTIFIER = 0x06
const UTF8_STRING = 0x0c
const UTC_TIME = 0x17
const SEQUENCE = 0x30
const SET = 0x31
const IMPLICIT = 0x80
const CONTEXT = 0xa0

const TRUE = der(0x01, Buffer.from([0xff]))
const ECDSA_WITH_SHA256 = der(SEQUENCE, oid('2a8648ce3d040302'))
/** The critical extension `basicConstraints`. */
const IS_AUTHORITY = der(SEQUENCE, oid('551d13'), TRUE, der(OCTET_STRING, der(SEQUENCE, TRUE)))

const DAY = 86_400_000
const NOW_AND_TOMORROW = { from: new Date(Date.now() - DAY), until: new Date(Date.now() + DAY) }

module.exports = { createAuthority, createSelfSigned, saveAuthority }
