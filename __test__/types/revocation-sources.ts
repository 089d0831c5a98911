// The sources of revocations: handlers that fit the types of every framework, and calls that must not compile.

import { subscribe } from 'node:diagnostics_channel'
import { createServer } from 'node:http'
import express from 'express'
import fastify from 'fastify'
import { Hono } from 'hono'
import {
  type CatchUp,
  createRevocations,
  type RevocationMessage,
  type SourceHandler,
  type WebhookEvent,
} from 'logto-authkit/revocation'

const revocations = createRevocations()
const handler: SourceHandler = revocations.webhook({
  signingKey: ['new', 'old'],
  onEvent: (event: WebhookEvent) => event.data,
})
const logout = revocations.backchannelLogout({
  logtoUrl: 'https://auth.example.test',
  clientId: ['a', 'b'],
  match: 'session',
  currentDate: new Date(),
})

for (const receive of [handler, logout]) {
  express().post('/hook', receive)
  express().post('/hook', express.raw({ type: '*/*' }), receive)
  fastify().post('/hook', receive)
  new Hono().post('/hook', receive)
  createServer(receive)
}

/** A Route Handler of Next.js. */
export const POST: (request: Request) => Promise<Response> = handler
export const GET: (request: Request, context: { params: Promise<object> }) => Promise<Response> = logout
// The types that Next.js generates for a route take its parameters from the last signature.
export const received: Parameters<typeof handler>[0] = new Request('http://localhost')

const running: CatchUp = revocations.catchUp({
  logtoUrl: 'https://auth.example.test',
  clientId: 'c',
  clientSecret: 's',
  hookId: 'h',
  everyMs: 5000,
})
running.stop()

// @ts-expect-error: a signing key is required
revocations.webhook({})
// @ts-expect-error: unknown value of `match`
revocations.backchannelLogout({ logtoUrl: 'https://auth.example.test', clientId: 'a', match: 'sid' })
// @ts-expect-error: clientId is required
revocations.backchannelLogout({ logtoUrl: 'https://auth.example.test' })
// @ts-expect-error: `backchannelLogout` has no `audience` option
revocations.backchannelLogout({ logtoUrl: 'https://auth.example.test', clientId: 'a', audience: 'b' })

subscribe('logto-authkit:revocations', (message) => {
  const { kind, before } = message as RevocationMessage
  // @ts-expect-error: messages contain no ids
  message.id
  return [kind === 'subject', before.getTime()]
})
