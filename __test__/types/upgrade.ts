// WebSocket handshakes and the metadata of a resource, as applications use them.

import { createServer, type IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import express from 'express'
import type { AuthContext, AuthenticatedContext } from 'logto-authkit'
import { createVerifier } from 'logto-authkit'
import { logtoAuth } from 'logto-authkit/express'
import { createResourceMetadata, type ResourceMetadataDocument } from 'logto-authkit/resource-metadata'
import {
  type SocketAuthOptions,
  socketAuth,
  type UpgradeRequest,
  type VerifyUpgradeOptions,
  verifyUpgrade,
} from 'logto-authkit/upgrade'
import { type DefaultEventsMap, Server, type Socket } from 'socket.io'
import { WebSocketServer } from 'ws'
import { z } from 'zod'
import type { Equal, Expect } from './equal'

const required = { logtoUrl: 'https://auth.example.test', audience: 'https://api.example.test' }
const options: VerifyUpgradeOptions = {
  ...required,
  allowedOrigins: ['https://app.example.test'],
  organizationId: (request: IncomingMessage) => request.headers.host ?? null,
  getToken: (request) => request.headers['sec-websocket-protocol']?.split(/, ?/)[1],
}

const sockets = new WebSocketServer({ noServer: true })
const server = createServer().on('upgrade', async (request, socket, head) => {
  const auth = await verifyUpgrade(request, socket, options)
  type _ = [Expect<Equal<typeof auth, AuthContext | null>>]
  if (auth !== null) sockets.handleUpgrade(request, socket, head, (ws) => sockets.emit('connection', ws, request, auth))
})
const io = new Server(server, {
  allowRequest: async (request, callback) => {
    callback(null, (await verifyUpgrade(request, request.socket, options)) !== null)
  },
})
io.on('connection', ({ request }) => (request as UpgradeRequest).auth.userId)

const socketOptions: SocketAuthOptions = {
  ...required,
  allowedOrigins: ['https://app.example.test'],
  organizationId: ({ handshake }) => handshake.auth.organization,
  getToken: (socket) => socket.request.headers['x-token']?.toString(),
}
const typedServer = new Server<DefaultEventsMap, DefaultEventsMap, DefaultEventsMap, { auth: AuthContext }>(server)
typedServer.use(socketAuth(socketOptions)).on('connection', ({ data }) => data.auth.userId)
typedServer.of('/admin').use(socketAuth({ ...required, getToken: (socket: Socket) => socket.handshake.auth.access }))

// Without `allowGuest`, the context excludes guests. The output of `claims` becomes `auth.claims`.
const claims = z.object({ email: z.string() })
async function verified(request: IncomingMessage, socket: Duplex) {
  const user = await verifyUpgrade(request, socket, { ...required, requiredScope: 'read' })
  const visitor = await verifyUpgrade(request, socket, { ...required, allowGuest: 'no-token' })
  const member = await verifyUpgrade(request, socket, [{ ...required, claims }])
  type _ = [
    Expect<Equal<typeof user, AuthenticatedContext | null>>,
    Expect<Equal<typeof visitor, AuthContext | null>>,
    Expect<Equal<NonNullable<typeof member>['claims'], { email: string }>>,
  ]
  return member
}
type Member = NonNullable<Awaited<ReturnType<typeof verified>>>
type WithAuth<Auth> = Server<DefaultEventsMap, DefaultEventsMap, DefaultEventsMap, { auth: Auth; theme?: string }>
const users: WithAuth<AuthenticatedContext> = new Server(server)
users.use(socketAuth(required)).on('connection', ({ data }) => data.auth.userId.length)
users.use(socketAuth([{ ...required, requiredScope: 'read', check: (auth) => auth.userId.length > 0 }]))
// @ts-expect-error: guests are no AuthenticatedContext
users.use(socketAuth({ ...required, allowGuest: true }))
const visitors: WithAuth<AuthContext> = new Server(server)
visitors
  .use(socketAuth({ ...required, allowGuest: true }))
  .of('/admin')
  .use(socketAuth(required))
const members: WithAuth<Member> = new Server(server)
members.use(socketAuth({ ...required, claims })).on('connection', ({ data }) => data.auth.claims.email)
// @ts-expect-error: without the schema, there are no claims
members.use(socketAuth(required))
new Server(server).use(socketAuth({ ...required, allowGuest: true }))

// LOGTO_URL and LOGTO_AUDIENCE replace missing options.
socketAuth()
socketAuth([required, required])
// @ts-expect-error: unknown option
socketAuth({ ...required, allowPreflight: true })
verifyUpgrade({} as IncomingMessage, {} as IncomingMessage['socket'])
// @ts-expect-error: unknown option
const unknown: VerifyUpgradeOptions = { ...required, origins: [] }
// @ts-expect-error: `allowedOrigins` must be an array
const single: VerifyUpgradeOptions = { ...required, allowedOrigins: 'https://app.example.test' }

const metadata = createResourceMetadata({ resource: required.audience, logtoUrl: required.logtoUrl })
type _ = [Expect<Equal<typeof metadata.document, ResourceMetadataDocument>>]
express()
  .use(metadata.handler)
  .use(logtoAuth({ ...required, resourceMetadata: metadata.url }))
createVerifier({ ...required, resourceMetadata: metadata.url })

// @ts-expect-error: `resource` is required
createResourceMetadata({ logtoUrl: required.logtoUrl })
// @ts-expect-error: unknown bearer method
createResourceMetadata({ resource: required.audience, bearerMethodsSupported: ['cookie'] })
// @ts-expect-error: unknown option
createResourceMetadata({ resource: required.audience, scopes: ['read'] })
// @ts-expect-error: a URL must be a string
createVerifier({ ...required, resourceMetadata: new URL(metadata.url) })

export { single, unknown }
