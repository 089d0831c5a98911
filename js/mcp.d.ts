/**
 * Authorization for MCP servers built with the MCP SDK, version 1 or 2 (Model Context Protocol, section "Authorization").
 *
 * @example
 * ```ts
 * import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
 * import express from 'express'
 * import { mcpAuth } from 'logto-authkit/mcp'
 *
 * const app = express()
 * app.use(mcpAuth({ logtoUrl: 'https://auth.example.com', resource: 'https://api.example.com/mcp' }))
 * app.post('/mcp', express.json(), async (req, res) => {
 *   const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined })
 *   await createServer().connect(transport)
 *   await transport.handleRequest(req, res, req.body) // tools receive `authInfo`
 * })
 * ```
 *
 * @packageDocumentation
 */

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AuthContext, AuthError, AuthPayload } from '..'
import type { AdapterOptions } from './adapters/options'
import type { ResourceMetadataOptions } from './resource-metadata'

/**
 * Creates Express middleware that serves the protected resource metadata (RFC 9728) of the MCP server, and verifies the
 * token of every other request. The middleware stores an {@link AuthInfo} in `req.auth`, which the SDK passes to tools
 * as `authInfo` (version 2: `http.authInfo`). The `AuthContext` is stored in `req.logto`, where `getAuth`,
 * `requireAuth` and `protect` of `logto-authkit/express` find it.
 *
 * The response to a rejected request is the same as in `logto-authkit/express`. The challenge contains the URL of the metadata
 * (`resource_metadata`), from which clients discover Logto. Only the `Authorization` header is read, as the MCP specification
 * requires.
 *
 * In an application with other routes, register the middleware only for the paths of the MCP server and of the metadata:
 * `app.use(['/mcp', '/.well-known/oauth-protected-resource/mcp'], mcpAuth(options))`.
 *
 * For clients in browsers, register `cors({ exposedHeaders: ['WWW-Authenticate', 'Mcp-Session-Id'] })` before `mcpAuth`.
 *
 * @param options - See {@link McpAuthOptions}.
 * @returns The middleware, which you register before the route of the MCP server.
 * @throws `TypeError` with `code: 'invalid_options'` for an unknown, missing or invalid option.
 *
 * @example
 * ```ts
 * app.use(mcpAuth({ logtoUrl: 'https://auth.example.com', resource: 'https://api.example.com/mcp' }))
 * ```
 */
export function mcpAuth(options: McpAuthOptions): McpMiddleware

/** The type of an Express request handler, declared without importing Express. */
export type McpMiddleware = (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void) => void

/**
 * Converts a context to the `AuthInfo` of the MCP SDK, for servers that use another adapter, such as Hono.
 *
 * @param auth - A context with a token.
 * @returns The `AuthInfo` that you pass to the transport (version 1) or to `handler.fetch` (version 2).
 * @throws `TypeError` if the context belongs to a guest, or was not created by this package.
 *
 * @example
 * ```ts
 * app.all('/mcp', async (c) => transport.handleRequest(c.req.raw, { authInfo: toAuthInfo(c.get('auth')) }))
 * ```
 */
export function toAuthInfo(auth: AuthContext): AuthInfo

/** The `AuthInfo` of both versions of the MCP SDK. */
export interface AuthInfo {
  /** The access token, for requests to other APIs. The string is empty if the context was not created from a token. */
  token: string
  /** The id of the application that requested the token. The string is empty if the token has no `client_id` claim. */
  clientId: string
  scopes: string[]
  /** Expiry time, as Unix time in seconds. */
  expiresAt?: number
  /** The audience of the token. */
  resource?: URL
  extra: {
    userId: string
    organizationId: string | null
    subjectType: string
    /** The claims of the token. */
    payload: AuthPayload
  }
}

/** Options of {@link mcpAuth}: the verifier options, except those for cookies and guests, and the metadata options. */
export interface McpAuthOptions
  extends Omit<
      AdapterOptions,
      'allowGuest' | 'audience' | 'cookieName' | 'guestCookie' | 'resourceMetadata' | 'tokenSources'
    >,
    Omit<ResourceMetadataOptions, 'bearerMethodsSupported' | 'logtoUrl'> {
  /**
   * URL of the MCP server, exactly as clients use it. Register the same URL as the identifier of the API resource in Logto.
   */
  resource: string
  /**
   * The accepted audience: see `audience` in `VerifyAuthOptions`.
   * @defaultValue `resource`
   */
  audience?: AdapterOptions['audience']
  /**
   * Issuers of the authorization servers.
   * @defaultValue `issuer`, or the issuer of `logtoUrl`
   */
  authorizationServers?: readonly string[]
  /** Replaces the library's response to rejected requests, like `onError` in `logto-authkit/express`. */
  // biome-ignore lint/suspicious/noExplicitAny: the types depend on the framework
  onError?(error: AuthError, req: any, res: any, next: (error?: unknown) => void): unknown
}
