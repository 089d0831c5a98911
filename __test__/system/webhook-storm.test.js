/** Many webhooks in any order: set WEBHOOKS=10000 for the full number. */

const assert = require('node:assert/strict')
const { createHash } = require('node:crypto')
const { test } = require('node:test')
const { logEntry, startManagementApi } = require('../support/management-api')
const { RECORDED, SIGNING_KEY, headersFor, signature, startRevocations } = require('../support/webhooks')

const COUNT = Number(process.env.WEBHOOKS ?? 600)

/** Creates a generator of numbers from 0 to below `below`, which are the same in every run. */
function randomFrom(seed) {
  let state = 0
  return (below) => {
    state += 1
    return createHash('sha256').update(`${seed} ${state}`).digest().readUInt32LE(0) % below
  }
}

/** Recorded events with other ids and times, as if they concerned 50 users within an hour. */
function events(random) {
  const templates = RECORDED.map(({ body }) => JSON.parse(body))
  const start = Date.parse('2026-11-25T22:00:00.000Z')
  return Array.from({ length: COUNT }, () => {
    const event = structuredClone(templates[random(templates.length)])
    const [user, organization] = [`user-${random(50)}`, `org-${random(5)}`]
    const at = start + random(3_600_000)
    event.createdAt = new Date(at).toISOString()
    if (event.data?.updatedAt) event.data = { ...event.data, id: user, updatedAt: at - random(200) }
    if (event.params?.userId) event.params.userId = user
    if (event.event === 'Organization.Deleted') event.params.id = organization
    if (event.organizationId) event.organizationId = organization
    for (const list of ['addedUserIds', 'removedUserIds']) if (event[list]) event[list] = [user]
    return event
  })
}

const shuffle = (list, random) => {
  const shuffled = [...list]
  for (let i = shuffled.length - 1; i > 0; i -= 1) {
    const j = random(i + 1)
    ;[shuffled[i], shuffled[j]] = [shuffled[j], shuffled[i]]
  }
  return shuffled
}

/**
 * The changes that a forger can make to the body and the signature of a request.
 *
 * @type {((body: string, random: any) => [string, string])[]}
 */
const FORGERIES = [
  (body) => [body, signature(body, 'guess')],
  (body) => [body, ''],
  (body) => [body.replace(/user-\d+|org-\d+/, 'victim'), signature(body)],
  (body) => [body.slice(0, -1), signature(body)],
  (body) => [JSON.stringify(JSON.parse(body), null, 1), signature(body)],
  (body) => [`\ufeff${body}`, signature(body)],
  (body) => [body.replaceAll('e', '\\u0065'), signature(body)],
  (body, random) => [body.replace('"event"', `"forged-${random(9)}":true,"event"`), signature(body)],
  (body) => [body, signature(body).slice(0, 63)],
  (body) => [body, createHash('sha256').update(SIGNING_KEY).update(body).digest('hex')],
]

test(`${COUNT} webhooks result in the same table in any order, and no forgery is accepted`, async (t) => {
  const random = randomFrom('storm')
  const all = events(random)
  const send = async (revocations, sent) => {
    const hook = revocations.webhook({ signingKey: SIGNING_KEY })
    const statuses = { 200: 0, 401: 0 }
    for (const [body, header] of sent) {
      const headers = header === undefined ? headersFor(body) : { 'logto-signature-sha-256': header }
      const { status } = await hook(new Request('http://localhost', { method: 'POST', body, headers }))
      statuses[status] += 1
    }
    return statuses
  }

  const ordered = startRevocations(t)
  const bodies = all.map((event) => JSON.stringify(event))
  assert.deepEqual(
    await send(
      ordered.revocations,
      bodies.map((body) => [body]),
    ),
    { 200: COUNT, 401: 0 },
  )
  const expected = ordered.store.table()
  assert.ok(Object.keys(expected).length > 50)

  const mixed = startRevocations(t)
  const repeated = bodies.filter(() => random(3) === 0)
  const tests = bodies.slice(0, COUNT / 10).map((body) => {
    const { event, createdAt } = JSON.parse(body)
    return JSON.stringify({ event, createdAt, params: { id: 'fake-id' }, data: { result: 'success' } })
  })
  const forged = bodies.map((body, i) => FORGERIES[i % FORGERIES.length](body, random))
  const unchanged = forged.filter(([body, header]) => header === signature(body))
  const sent = shuffle([...[...bodies, ...repeated, ...tests].map((body) => [body]), ...forged], random)
  const rejected = forged.length - unchanged.length
  assert.ok(rejected > COUNT * 0.9)
  assert.deepEqual(await send(mixed.revocations, sent), { 200: sent.length - rejected, 401: rejected })
  assert.deepEqual(mixed.store.table(), expected)
  assert.equal(mixed.revocations.stats().entries, ordered.revocations.stats().entries)

  // A receiver that was offline for a third of the webhooks, some of which Logto considers delivered.
  const late = startRevocations(t)
  const api = await startManagementApi(t)
  const [received, missed] = [bodies.filter((_, i) => i % 3 !== 0), all.filter((_, i) => i % 3 === 0)]
  await send(
    late.revocations,
    shuffle(received, random).map((body) => [body]),
  )
  assert.notDeepEqual(late.store.table(), expected)
  api.logs = all.map((event, i) => logEntry(`log-${i}`, event, i % 3 !== 0 || random(4) === 0 ? 'Success' : 'Error'))
  assert.ok(missed.length > 0)
  const running = late.revocations.catchUp(api.options())
  while (JSON.stringify(late.store.table()) !== JSON.stringify(expected)) {
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  running.stop()
})
