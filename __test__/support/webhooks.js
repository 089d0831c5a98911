/** Webhook requests as Logto sends them, and revocations whose entries a test can compare. */

const { createHmac } = require('node:crypto')
const { createRevocations } = require('logto-authkit/revocation')
const recorded = require('../fixtures/webhooks.json')
const { hook: recordedHook, webhooks } = require('../fixtures/revocation.json')

/** The signing key of the recordings. */
const SIGNING_KEY = recorded.hook.signingKey

const signature = (body, key = SIGNING_KEY) => createHmac('sha256', key).update(body).digest('hex')

/** The headers of a webhook request. @type {(body: string, key?: string) => Record<string, string>} */
const headersFor = (body, key) => ({
  'content-type': 'application/json',
  'user-agent': 'Logto (https://logto.io/)',
  'logto-signature-sha-256': signature(body, key),
})

const headerOf = (rawHeaders, name) => rawHeaders[rawHeaders.findIndex((header) => header.toLowerCase() === name) + 1]

/** Every recorded request: its name, raw body and signature. */
const RECORDED = [
  ...recorded.steps.flatMap(({ name, got }) => got.map(({ raw, rawHeaders }) => ({ name, body: raw, rawHeaders }))),
  ...webhooks.map(({ step, body, rawHeaders }) => ({ name: step, body, rawHeaders })),
].map(({ name, body, rawHeaders }) => ({ name, body, signature: headerOf(rawHeaders, 'logto-signature-sha-256') }))

/** A store that remembers the appended revocation entries. */
class RecordingStore {
  /** @type {string[]} */
  entries = []
  /** @type {Error | null} */
  failure = null

  async append(entries) {
    if (this.failure !== null) throw this.failure
    this.entries.push(...entries)
  }

  async read(position) {
    if (position !== null) await new Promise((resolve) => setTimeout(resolve, 100).unref())
    return { entries: [], position: '0', complete: true }
  }

  /** For each revoked property, the latest revocation time, regardless of the order of the revocation entries. */
  table() {
    /** @type {Record<string, number>} */
    const table = {}
    for (const entry of this.entries) {
      const { before, v: _, ...property } = JSON.parse(entry)
      const name = JSON.stringify(property)
      table[name] = Math.max(table[name] ?? 0, before)
    }
    return Object.fromEntries(Object.entries(table).sort())
  }
}

/** Revocations with a store that remembers, which close with their test. */
function startRevocations(t, options) {
  const store = new RecordingStore()
  // The recorded events may be older than the default lifetime.
  const revocations = createRevocations({ store, maxTokenLifetime: 31_536_000, ...options })
  t.after(() => revocations.close())
  return { store, revocations }
}

module.exports = { RECORDED, RecordingStore, SIGNING_KEY, headersFor, recordedHook, signature, startRevocations }
