/**
 * WebSocket handshakes: `ws`, Socket.IO, and whatever else takes a connection over from an HTTP request.
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
 *   const auth = await verifyUpgrade(request, socket, options)
 *   if (auth !== null) sockets.handleUpgrade(request, socket, head, (ws) => sockets.emit('connection', ws, request, auth))
 * })
 * sockets.on('connection', (ws, request, auth) => ws.send(`Hello ${auth.userId}`))
 * ```
 *
 * @packageDocumentation
 */

import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { AuthContext } from '../..'
import type { AdapterOptions } from './options'

/**
 * Finds out who asks for a connection, and sets `request.auth`. A request that is refused is answered on the raw socket,
 * with status, headers and body as in `logto-authkit/express`, and the socket is destroyed.
 *
 * A token is looked for in the cookie and in `Authorization`. Browsers cannot set headers of a WebSocket: give them the
 * cookie, or read another place in `getToken`. A token in the query ends up in logs, one in the subprotocol does not.
 *
 * **Cross-site WebSocket hijacking.** The same-origin policy does not hold for WebSockets: a page of any site can open
 * one, and the browser sends your cookies along unless they are `SameSite`. Where a cookie may hold the token, name your
 * own pages in `allowedOrigins`.
 *
 * The token is looked at once. How long the connection may outlive it (`auth.payload.exp`) is for you to decide.
 *
 * @param request - Of the server's `upgrade` event.
 * @param socket - Of the same event.
 * @param options - What to accept. Equal options are parsed once, however often they come.
 * @returns Who is asking; `null` if the request was refused, or if the client has left: there is nothing more to do.
 * @throws `TypeError` with `code: 'invalid_options'`, and whatever `isRevoked` and other functions of yours throw. The
 *   socket has been answered with 500 and destroyed then.
 *
 * @example A token in the subprotocol: `new WebSocket(url, ['bearer', token])`
 * ```ts
 * const options = {
 *   logtoUrl, audience, tokenSources: [],
 *   getToken: (request: IncomingMessage) => request.headers['sec-websocket-protocol']?.split(', ')[1],
 * }
 * const sockets = new WebSocketServer({ noServer: true, handleProtocols: () => 'bearer' })
 * ```
 *
 * @example Socket.IO, whose connections begin with polling
 * ```ts
 * const io = new Server(server, {
 *   allowRequest: async (request, callback) => {
 *     callback(null, (await verifyUpgrade(request, request.socket, options)) !== null)
 *   },
 * })
 * io.on('connection', ({ request }) => console.log((request as UpgradeRequest).auth.userId))
 * ```
 */
export function verifyUpgrade(
  request: IncomingMessage,
  socket: Duplex,
  options: VerifyUpgradeOptions,
): Promise<AuthContext | null>

/** A request that {@link verifyUpgrade} has let pass. */
export type UpgradeRequest = IncomingMessage & { auth: AuthContext }

/** What {@link verifyUpgrade} takes. */
export interface VerifyUpgradeOptions extends Omit<AdapterOptions, 'getToken'> {
  /** As in `VerifyAuthOptions`, asked about the request of the handshake. */
  getToken?(request: IncomingMessage): string | null | undefined

  /**
   * The pages that may open a connection: a request with another `Origin` is answered with 403 before anything else.
   * One without an `Origin` is not a browser's, and passes.
   *
   * @defaultValue not checked
   * @throws `TypeError` `invalid_options` for what is no origin: `https://app.example.com`, without a slash behind it.
   *
   * @example
   * ```ts
   * allowedOrigins: ['https://app.example.com', 'http://localhost:5173']
   * ```
   */
  allowedOrigins?: readonly string[]
}
