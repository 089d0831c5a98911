// The messages that subscribers receive.

import { subscribe } from 'node:diagnostics_channel'
import type { AuthErrorCode, KeyFetchMessage, VerificationMessage } from 'logto-authkit'
import type { Equal, Expect } from './equal'

export type Outcomes = [
  Expect<Equal<VerificationMessage['outcome'], 'ok' | AuthErrorCode>>,
  Expect<Equal<keyof VerificationMessage, 'outcome' | 'guest' | 'remembered' | 'duration'>>,
  Expect<Equal<KeyFetchMessage['outcome'], 'ok' | 'failed'>>,
  Expect<Equal<KeyFetchMessage['reason'], 'empty' | 'stale' | 'refresh' | 'unknown_kid'>>,
  Expect<Equal<KeyFetchMessage['error'], string | null>>,
]

subscribe('logto-authkit:verify', (message) => {
  const { outcome, guest, remembered, duration } = message as VerificationMessage
  const labels: Record<string, string | boolean> = { outcome, guest, remembered }
  const seconds: number = duration / 1000
  // @ts-expect-error: unknown error code
  outcome === 'expired'
  return [labels, seconds]
})

subscribe('logto-authkit:jwks', (message) => {
  const { jwksUri, keys, startedAt, duration } = message as KeyFetchMessage
  const ended: Date = new Date(startedAt + duration)
  // @ts-expect-error: messages contain no key ids
  message.kid
  return [new URL(jwksUri), keys.toFixed(), ended]
})
