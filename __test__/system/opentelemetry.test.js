const assert = require('node:assert/strict')
const { readFileSync } = require('node:fs')
const { join } = require('node:path')
const { test } = require('node:test')
const { AggregationTemporality, InMemoryMetricExporter, MeterProvider } = require('@opentelemetry/sdk-metrics')
const { PeriodicExportingMetricReader } = require('@opentelemetry/sdk-metrics')
const { createVerifier } = require('logto-authkit')
const { bearer, verdict } = require('../support/helpers')
const { startKeyServer, text } = require('../support/key-server')
const { AUDIENCE } = require('../support/tokens')
const { temporaryFolder } = require('../support/files')
const { EXAMPLES, launch } = require('../support/start-example')
const { until } = require('../support/until')

const EXAMPLE = join(__dirname, '../../examples/opentelemetry.mjs')

test('the OpenTelemetry example counts verifications and key fetches, and records durations and gauges', async (t) => {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 2 ** 30 })
  const provider = new MeterProvider({ readers: [reader] })
  t.after(() => provider.shutdown())
  const server = await startKeyServer(t)
  const options = { logtoUrl: server.logtoUrl, audience: AUDIENCE, jwksCacheTtlMs: 0, jwksCooldownMs: 0 }
  const verifier = createVerifier({ ...options, allowGuest: true })
  const { observe } = await import(EXAMPLE)
  observe(verifier, provider.getMeter('test'))

  const token = server.key.sign(server.issuer)
  for (const input of [token, token, 'opaque']) await verdict(verifier.verify(input))
  await verifier.verify({ headers: {} })
  await verifier.verify(bearer('opaque'))
  server.answer = text(500)
  await verdict(createVerifier({ ...options, jwksMaxStaleMs: 0 }).verify(token))

  await provider.forceFlush()
  const [{ scopeMetrics }] = exporter.getMetrics()
  const shown = {}
  for (const { descriptor, dataPoints } of scopeMetrics[0].metrics) {
    const points = dataPoints.map(({ attributes, value }) => [JSON.stringify(attributes), value])
    shown[`${descriptor.name} (${descriptor.unit})`] = Object.fromEntries(points)
  }
  assert.deepEqual(shown['logto_authkit.verifications ({verification})'], {
    '{"outcome":"ok","guest":false}': 2,
    '{"outcome":"opaque_token","guest":false}': 1,
    '{"outcome":"missing_token","guest":true}': 1,
    '{"outcome":"opaque_token","guest":true}': 1,
    '{"outcome":"jwks_unavailable","guest":false}': 1,
  })
  assert.deepEqual(shown['logto_authkit.key_fetches ({fetch})'], {
    '{"outcome":"ok","reason":"empty"}': 1,
    '{"outcome":"ok","reason":"stale"}': 1,
    '{"outcome":"failed","reason":"stale"}': 1,
  })
  const durations = shown['logto_authkit.verification.duration (s)']
  assert.deepEqual(
    Object.entries(durations).map(([attributes, { count }]) => [attributes, count]),
    [
      ['{"remembered":false}', 5],
      ['{"remembered":true}', 1],
    ],
  )
  assert.ok(durations['{"remembered":true}'].sum > 0 && durations['{"remembered":true}'].sum < 60)
  assert.deepEqual(shown['logto_authkit.remembered_tokens ({token})'], { '{}': 1 })
  assert.deepEqual(shown['logto_authkit.keys ({key})'], { '{}': 1 })
  assert.ok(shown['logto_authkit.keys.age (s)']['{}'] < 60)
  assert.equal(Object.keys(shown).length, 6)
})

test('docs/observability.md contains the OpenTelemetry example', () => {
  const page = readFileSync(join(__dirname, '../../docs/observability.md'), 'utf8')
  assert.ok(page.includes(`<!-- examples/opentelemetry.mjs -->\n\`\`\`js\n${readFileSync(EXAMPLE, 'utf8')}\`\`\``))
})

test('docs/observability.md lists every member of the messages', () => {
  const page = readFileSync(join(__dirname, '../../docs/observability.md'), 'utf8')
  const types = readFileSync(join(__dirname, '../../index.d.ts'), 'utf8')
  for (const [name, wanted] of Object.entries({ VerificationMessage: 4, KeyFetchMessage: 7 })) {
    const [, body] = new RegExp(`^export interface ${name} \\{\n([\\s\\S]*?)^\\}`, 'm').exec(types) ?? []
    const members = [...String(body).matchAll(/^ +(\w+): /gm)].map(([, member]) => member)
    assert.equal(members.length, wanted, name)
    for (const member of members) assert.match(page, new RegExp(`^\\| \`${member}\\b`, 'm'), member)
  }
})

test('the application that the page starts prints the metrics', async (t) => {
  const { folder, save } = temporaryFolder(t, join(EXAMPLES, '.metrics-'))
  for (const name of ['metrics.mjs', 'opentelemetry.mjs']) save(name, readFileSync(join(EXAMPLES, name), 'utf8'))
  save('app.mjs', readFileSync(join(EXAMPLES, '../js/cli/templates/express.mjs'), 'utf8'))
  const { url, example } = await launch(t, join(folder, 'metrics.mjs'), 'http://127.0.0.1:9')
  let printed = ''
  example.stdout.on('data', (chunk) => {
    printed += chunk
  })
  assert.equal((await fetch(`${url}/me`)).status, 401)
  await until(() => printed.includes("outcome: 'missing_token'"))
  assert.match(printed, /logto_authkit\.verifications/)
})
