/** Requests per second of `next start`, for a plain route and for the same route wrapped in `withAuth`. */

const { join } = require('node:path')
const { Application } = require('../../__test__/next/application')
const { Child } = require('../children')
const { startIssuer } = require('../issuer')
const { alternate } = require('../rounds')
const { mintMany, samples } = require('../tokens')

const BARE = 'bare route'
const GUARDED = 'route in withAuth'
const SIDES = [
  { name: GUARDED, path: '/guarded' },
  { name: BARE, path: '/bare' },
]
const CONNECTIONS = 64

/** @param {{ isQuick: boolean }} options */
async function run({ isQuick }) {
  const { setup, close } = await startIssuer('ES384')
  const tokens = await mintMany(setup.key, setup.issuer, 8 * CONNECTIONS)
  const loader = new Child(join(__dirname, '../load'), [])
  const application = new Application(join(__dirname, '../next-app'), { next: 16, env: { LOGTO_URL: setup.logtoUrl } })
  try {
    const { code, output } = await application.build()
    if (code !== 0) throw new Error(output)
    const { url } = await application.serve('start')
    await assertRejects(`${url}/guarded`, samples(setup.key, setup.issuer).bad)

    const [rounds, seconds] = isQuick ? [2, 1] : [7, 3]
    const figures = await alternate(SIDES, rounds, async ({ path }) => {
      const load = { url: `${url}${path}`, tokens, isRepeated: true, seconds, connections: CONNECTIONS }
      return (await loader.call('load', load)).rate
    })
    const rates = Object.fromEntries([...figures].map(([{ name }, rates]) => [name, rates]))
    return [
      {
        id: 'next',
        title: 'Next.js (next start), ES384, previously verified tokens',
        note: NOTE,
        base: GUARDED,
        rates,
      },
    ]
  } finally {
    await application.remove()
    await loader.stop()
    close()
  }
}

/**
 * @param {string} url
 * @param {Record<string, string>} bad
 */
async function assertRejects(url, bad) {
  for (const [name, token] of Object.entries(bad)) {
    const { ok } = await fetch(url, { headers: { authorization: `Bearer ${token}` } })
    if (ok) throw new Error(`A token with a bad ${name} was accepted`)
  }
}

const NOTE = `Requests per second of Next.js 16 under load from another process (autocannon, ${CONNECTIONS} connections).`

module.exports = { BARE, GUARDED, run }
