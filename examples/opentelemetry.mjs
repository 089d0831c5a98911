import { subscribe } from 'node:diagnostics_channel'
import { metrics } from '@opentelemetry/api'

/** Call this once per process, and once in every worker thread that verifies tokens, after starting the SDK. */
export function observe(verifier, meter = metrics.getMeter('logto-authkit')) {
  const verifications = meter.createCounter('logto_authkit.verifications', { unit: '{verification}' })
  const duration = meter.createHistogram('logto_authkit.verification.duration', {
    unit: 's',
    advice: { explicitBucketBoundaries: [0.00001, 0.0001, 0.001, 0.01, 0.1, 1, 10] },
  })
  const fetches = meter.createCounter('logto_authkit.key_fetches', { unit: '{fetch}' })

  subscribe('logto-authkit:verify', ({ outcome, guest, remembered, duration: milliseconds }) => {
    verifications.add(1, { outcome, guest })
    duration.record(milliseconds / 1000, { remembered })
  })
  subscribe('logto-authkit:jwks', ({ outcome, reason }) => fetches.add(1, { outcome, reason }))

  const remembered = meter.createObservableGauge('logto_authkit.remembered_tokens', { unit: '{token}' })
  const keys = meter.createObservableGauge('logto_authkit.keys', { unit: '{key}' })
  const age = meter.createObservableGauge('logto_authkit.keys.age', { unit: 's' })
  meter.addBatchObservableCallback(
    (result) => {
      const { tokens, jwks } = verifier.stats()
      result.observe(remembered, tokens.size)
      result.observe(keys, jwks.keys)
      if (jwks.fetchedAt !== null) result.observe(age, (Date.now() - jwks.fetchedAt) / 1000)
    },
    [remembered, keys, age],
  )
}
