/** Requests per second of Express applications, each in its own process, under load from another process. */

const { join } = require('node:path')
const { AUTH0, EXPRESS_JWT, NO_AUTH } = require('../apps')
const { Child } = require('../children')
const { startIssuer } = require('../issuer')
const { ORIGINAL, OURS } = require('../peers')
const { alternate } = require('../rounds')
const { mintMany } = require('../tokens')

const APPS = [NO_AUTH, OURS, ORIGINAL, AUTH0, EXPRESS_JWT]
const CONNECTIONS = 64
const WORKING_SET = 8 * CONNECTIONS
/** More new tokens per second than any application can verify. */
const MAX_NEW_PER_SECOND = 10_000

const MODES = [
  { id: 'express-seen', title: 'Express 5, ES384, previously verified tokens', isRepeated: true },
  { id: 'express-new', title: 'Express 5, ES384, new tokens', isRepeated: false },
]

/** @param {{ selectedIds: string[], isQuick: boolean, sides?: string[] }} options */
async function run({ selectedIds, isQuick, sides: names = APPS }) {
  const { setup, close } = await startIssuer('ES384')
  const [rounds, seconds] = isQuick ? [2, 1] : [7, 2]
  const fresh = selectedIds.includes('express-new') ? MAX_NEW_PER_SECOND * seconds * (rounds + 1) : 0
  const tokens = await mintMany(setup.key, setup.issuer, WORKING_SET + fresh)
  const loader = new Child(join(__dirname, '../load'), [])
  const servers = names.map(() => new Child(join(__dirname, '../apps'), []))

  try {
    const sides = []
    for (const [i, name] of names.entries()) {
      sides.push({ name, url: await servers[i].call('serve', { name, setup }), used: WORKING_SET })
    }
    const results = []
    for (const { id, title, isRepeated } of MODES.filter(({ id }) => selectedIds.includes(id))) {
      const figures = await alternate(sides, rounds, async (side) => {
        const own = isRepeated
          ? tokens.slice(0, WORKING_SET)
          : tokens.slice(side.used, side.used + MAX_NEW_PER_SECOND * seconds)
        const { rate, sent } = await loader.call('load', {
          url: side.url,
          tokens: own,
          isRepeated,
          seconds,
          connections: CONNECTIONS,
        })
        if (!isRepeated) side.used = side.name === NO_AUTH ? WORKING_SET : side.used + sent
        return rate
      })
      const rates = Object.fromEntries([...figures].map(([{ name }, rates]) => [name, rates]))
      results.push({ id, title, note: NOTE, rates })
    }
    return results
  } finally {
    await Promise.all([loader, ...servers].map((child) => child.stop()))
    close()
  }
}

const NOTE = `Requests per second of one process under load from another (autocannon, ${CONNECTIONS} connections).`

module.exports = { run }
