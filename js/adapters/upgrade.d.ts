/**
 * Verifies the handshakes of WebSocket servers such as `ws` and Socket.IO, and of other protocols that upgrade an HTTP
 * connection.
 *
 * @example
 * ```ts
 * import { createServer } from 'node:http'
 * import { verifyUpgrade } from 'logto-authkit/upgrade'
 * import { WebSocketServer } from 'ws'
 *
 * const sockets = new WebSocketServer({ noServer: true })
 * const server = createServer()
 * server.on('upgrade', async (request, socket, head) => {
 *   try {
 *     const auth = await verifyUpgrade(request, socket, options)
 *     if (auth === null) return // rejected: the response has been sent
 *     sockets.handleUpgrade(request, socket, head, (ws) => sockets.emit('connection', ws, request, auth))
 *   } catch (error) {
 *     console.error(error) // an invalid option, or thrown by one of your functions; the client has received status 500
 *   }
 * })
 * sockets.on('connection', (ws, request, auth) => ws.send(`Hello ${auth.userId}`))
 * ```
 *
 * @packageDocumentation
 */

import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { AuthContext, AuthErrorCode, ContextWith, GuestContext, OneOrMore } from '../..'
import type { AdapterOptions } from './options'

/**
 * Verifies the token of an upgrade request and sets `request.auth`. The response to a rejected request is the same as in
 * `logto-authkit/express`. `verifyUpgrade` writes the response to the raw socket, and then destroys the socket. If the origin of
 * the request is in `allowedOrigins`, the response has CORS headers.
 *
 * For Socket.IO, {@link socketAuth} is simpler. To reject Socket.IO clients before a connection is established, call `verifyUpgrade`
 * in Socket.IO's option `allowRequest`.
 *
 * The token is read from the cookie or the `Authorization` header. Browsers cannot set headers on a WebSocket request, so use the
 * cookie, or read the token from another place with `getToken`. A token in the subprotocol does not appear in logs, unlike a token
 * in the query string.
 *
 * **Cross-site WebSocket hijacking.** The same-origin policy does not apply to WebSockets: a page on any site can open a WebSocket,
 * and the browser sends your cookies unless they are `SameSite`. Without `allowedOrigins`, a request with the token or guest
 * cookie is therefore rejected with 403 if the host in its `Origin` header differs from its `Host` header. If your
 * pages are on a different host, or a proxy changes `Host`, list the origins of your pages in `allowedOrigins`.
 *
 * The token is verified once. Your application decides how long the connection stays open after the token has expired
 * (`auth.payload.exp`).
 *
 * @param request - The request of the server's `upgrade` event.
 * @param socket - The socket of the server's `upgrade` event.
 * @param options - The options. Equal options are parsed once, even if you pass a new object with every request. Invalid options
 *   cause an error only when a client connects. To find missing environment variables at startup, call `createVerifier()`.
 * @returns The context, or `null` if the request was rejected or the client has disconnected. If the
 *   result is `null`, do not use the socket.
 * @throws `TypeError` with `code: 'invalid_options'`, and any error thrown by your own functions, such as `isRevoked`. Before
 *   the error is thrown, the socket receives a response with status 500 and is destroyed.
 *
 * @example A token in the subprotocol: `new WebSocket(url, ['bearer', token])`
 * ```ts
 * const options = {
 *   logtoUrl, audience, tokenSources: [],
 *   getToken: (request: IncomingMessage) => request.headers['sec-websocket-protocol']?.split(/, ?/)[1],
 * }
 * const sockets = new WebSocketServer({ noServer: true, handleProtocols: () => 'bearer' })
 * ```
 */
export function verifyUpgrade<Claims = unknown>(
  request: IncomingMessage,
  socket: Duplex,
  options?: OneOrMore<VerifyUpgradeOptions<Claims> & { allowGuest?: false }>,
): Promise<ContextWith<Claims> | null>
export function verifyUpgrade<Claims = unknown>(
  request: IncomingMessage,
  socket: Duplex,
  options?: OneOrMore<VerifyUpgradeOptions<Claims>>,
): Promise<ContextWith<Claims> | GuestContext | null>

/** A request accepted by {@link verifyUpgrade}. Without `allowGuest`, write `UpgradeRequest<AuthenticatedContext>`. */
export type UpgradeRequest<Auth extends AuthContext = AuthContext> = IncomingMessage & { auth: Auth }

/**
 * Creates middleware for Socket.IO that verifies the token of each client that connects or reconnects, and sets `socket.data.auth`.
 *
 * The token is read from `auth.token` in the client's handshake. If `auth.token` is missing, `getToken` is called, and
 * then the cookie and the `Authorization` header of the HTTP request are read. A rejected client receives
 * `connect_error` with the message of the `AuthError` and {@link SocketAuthError.data}. Any other error, such as one
 * thrown by `isRevoked`, is emitted as a process warning, and the client receives only `Internal server error`.
 *
 * As in {@link verifyUpgrade}, a cookie from a page on a different host is rejected unless `allowedOrigins` contains
 * the page's origin.
 *
 * The token is verified once per connection. To end the connection when the token expires, close `socket.conn` at that time. The
 * client then reconnects with a new token.
 *
 * @param options - See {@link SocketAuthOptions}. An array has one entry per Logto server. Without options, `LOGTO_URL` and `LOGTO_AUDIENCE`
 *   are read from the environment.
 * @returns The middleware.
 * @throws `TypeError` with `code: 'invalid_options'` for an unknown, missing or invalid option.
 *
 * @example Server
 * ```ts
 * io.use(socketAuth({ logtoUrl, audience, allowedOrigins: ['https://app.example.com'] }))
 * io.on('connection', (socket) => {
 *   socket.emit('hello', socket.data.auth.userId)
 *   setTimeout(() => socket.conn.close(), socket.data.auth.payload.exp * 1000 - Date.now())
 * })
 * ```
 *
 * @example Client
 * ```ts
 * const socket = io(url, { auth: async (send) => send({ token: await logto.getAccessToken(audience) }) })
 * socket.on('connect_error', ({ data }) => data?.code === 'missing_token' && signIn())
 * ```
 */
export function socketAuth<Claims = unknown>(
  options?: OneOrMore<SocketAuthOptions<Claims> & { allowGuest?: false }>,
): SocketMiddleware<ContextWith<Claims>>
export function socketAuth<Claims = unknown>(
  options?: OneOrMore<SocketAuthOptions<Claims>>,
): SocketMiddleware<ContextWith<Claims> | GuestContext>

/**
 * The type of middleware for Socket.IO's `io.use` and `namespace.use`, declared without importing Socket.IO. If the
 * application declares the type of `socket.data`, the type of its `auth` member must accept this context.
 *
 * @example
 * ```ts
 * interface SocketData {
 *   auth: AuthenticatedContext // with allowGuest: AuthContext
 * }
 * const io = new Server<DefaultEventsMap, DefaultEventsMap, DefaultEventsMap, SocketData>(server)
 * ```
 */
export type SocketMiddleware<Auth extends AuthContext = AuthContext> = <Data>(
  socket: HandshakeSocket<Data> & (Data extends { auth: infer Accepted } ? Accepts<Accepted, Auth> : unknown),
  next: (error?: SocketAuthError) => void,
) => void

/** Compiles only if the declared type of `socket.data.auth` accepts the context. */
type Accepts<Accepted, Auth> = [Auth] extends [Accepted] ? unknown : ContextNotAccepted

/** Shown by the compiler if the declared type of `socket.data.auth` does not accept the context. */
export interface ContextNotAccepted {
  'The type of socket.data.auth must accept this context: with allowGuest, declare AuthContext': never
}

/** The parts of a Socket.IO socket that {@link socketAuth} reads. */
// biome-ignore lint/suspicious/noExplicitAny: as in Socket.IO, because applications define it
export interface HandshakeSocket<Data = any> {
  /** The HTTP request with which the client connected. */
  request: IncomingMessage
  handshake: {
    headers: IncomingHttpHeaders
    /** The value of the `auth` option that the client connected with. The library verifies only `auth.token`. */
    // biome-ignore lint/suspicious/noExplicitAny: as in Socket.IO, because applications define it
    auth: { [name: string]: any }
  }
  data: Data
}

/** The error for a rejected client. Socket.IO sends `message` and `data` to the client. */
export interface SocketAuthError extends Error {
  data: {
    /** The error code, which is `forbidden` if the origin is not allowed. `code` is missing for errors that are not rejections. */
    code?: AuthErrorCode
    status: number
  }
}

/** Options of {@link socketAuth}. */
export interface SocketAuthOptions<Claims = unknown>
  extends Omit<VerifyUpgradeOptions<Claims>, 'getToken' | 'organizationId'> {
  /**
   * Like `getToken` in `VerifyAuthOptions`, but receives the socket, and is called only if the handshake has
   * no `auth.token`.
   */
  getToken?(socket: HandshakeSocket): string | null | undefined | Promise<string | null | undefined>

  /**
   * Like `organizationId` in `VerifyAuthOptions`, or a function that takes the socket and returns the id.
   *
   * @example
   * ```ts
   * organizationId: ({ handshake }) => handshake.auth.organization
   * ```
   */
  organizationId?:
    | string
    | null
    | ((socket: HandshakeSocket) => string | null | undefined | Promise<string | null | undefined>)
}

/** Options of {@link verifyUpgrade}. */
export interface VerifyUpgradeOptions<Claims = unknown>
  extends Omit<AdapterOptions<Claims>, 'getToken' | 'allowPreflight'> {
  /** Like `getToken` in `VerifyAuthOptions`, but receives the handshake request. */
  getToken?(request: IncomingMessage): string | null | undefined | Promise<string | null | undefined>

  /**
   * The origins of the pages that may open a connection. A request whose `Origin` is not in the list is rejected with 403 before
   * its token is read. A request without an `Origin` header does not come from a browser, so it is accepted.
   *
   * @defaultValue any origin, but requests with cookies are rejected if the host in `Origin` differs from `Host`
   * @throws `TypeError` with `code: 'invalid_options'` if an item is not an origin such as `https://app.example.com`, without a
   *   trailing slash.
   *
   * @example
   * ```ts
   * allowedOrigins: ['https://app.example.com', 'http://localhost:5173']
   * ```
   */
  allowedOrigins?: readonly string[]
}
