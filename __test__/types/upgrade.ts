// WebSocket handshakes and the metadata of a resource, as applications use them.

import { createServer, type IncomingMessage } from 'node:http'
import express from 'express'
import type { AuthContext } from 'logto-authkit'
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
import type { Equal, Expect } from './equal'

const required = { logtoUrl: 'https://auth.example.test', audience: 'https://api.example.test' }
const options: VerifyUpgradeOptions = {
  ...required,
  allowedOrigins: ['https://app.example.test'],
  organizationId: (request: IncomingMessage) => request.headers.host ?? null,
  getToken: (request) => request.headers['sec-websocket-protocol']?.split(', ')[1],
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
const typed = new Server<DefaultEventsMap, DefaultEventsMap, DefaultEventsMap, { auth: AuthContext }>(server)
typed.use(socketAuth(socketOptions)).on('connection', ({ data }) => data.auth.userId)
typed.of('/admin').use(socketAuth({ ...required, getToken: (socket: Socket) => socket.handshake.auth.access }))

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
