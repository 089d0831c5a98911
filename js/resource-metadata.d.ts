/**
 * OAuth 2.0 Protected Resource Metadata (RFC 9728). Clients that know only the URL of an API, such as MCP clients, read this
 * metadata to discover the Logto server that issues tokens for the API.
 *
 * @example
 * ```ts
 * import express from 'express'
 * import { logtoAuth } from 'logto-authkit/express'
 * import { createResourceMetadata } from 'logto-authkit/resource-metadata'
 *
 * const resource = 'https://api.example.com/mcp' // the identifier of the API resource, as registered in Logto
 * const metadata = createResourceMetadata({ resource, logtoUrl: 'https://auth.example.com', scopesSupported: ['read:orders'] })
 *
 * const app = express()
 * app.use(metadata.handler) // before logtoAuth, because clients without a token request it
 * app.use(logtoAuth({ logtoUrl: 'https://auth.example.com', audience: resource, resourceMetadata: metadata.url }))
 * ```
 *
 * @packageDocumentation
 */

import type { IncomingMessage, ServerResponse } from 'node:http'

/**
 * Creates the metadata document and the handlers that serve it.
 *
 * @param options - See {@link ResourceMetadataOptions}.
 * @returns The document, its path and URL, and the handlers.
 * @throws `TypeError` with `code: 'invalid_options'` for an unknown, missing or invalid option.
 *
 * @example
 * ```ts
 * const metadata = createResourceMetadata({ resource: 'https://api.example.com/mcp', logtoUrl: 'https://auth.example.com' })
 * app.use(metadata.handler)
 * ```
 */
export function createResourceMetadata(options: ResourceMetadataOptions): ResourceMetadata

/** Options of {@link createResourceMetadata}. */
export interface ResourceMetadataOptions {
  /**
   * Identifier of the resource: exactly the URL that clients use. Clients pass this URL to Logto as the `resource`
   * parameter, so register the URL as an API resource in Logto and use it as `audience`.
   */
  resource: string
  /**
   * URL of your Logto server: see `logtoUrl` in `VerifyAuthOptions`. The metadata lists this server's issuer as the
   * authorization server.
   * @defaultValue `process.env.LOGTO_URL`
   */
  logtoUrl?: string | undefined
  /**
   * Issuers of the authorization servers.
   * @defaultValue the issuer of `logtoUrl`
   */
  authorizationServers?: readonly string[]
  /** Scopes that clients may request. */
  scopesSupported?: readonly string[]
  /**
   * The ways in which clients may send a token (RFC 6750 section 2).
   * @defaultValue `['header']`
   */
  bearerMethodsSupported?: readonly ('header' | 'body' | 'query')[]
  /** Display name of the resource. */
  resourceName?: string
  /** URL of the developer documentation. */
  resourceDocumentation?: string
  /** URL of the data usage policy. */
  resourcePolicyUri?: string
  /** URL of the terms of service. */
  resourceTosUri?: string
}

/**
 * The metadata that {@link createResourceMetadata} creates. The functions do not use `this`, so you can pass them as callbacks.
 */
export interface ResourceMetadata {
  /** The metadata document, for frameworks that serialize objects to JSON. */
  document: ResourceMetadataDocument
  /**
   * Path of the metadata document (RFC 9728 section 3.1): `/.well-known/oauth-protected-resource`, followed by the path of the
   * resource.
   */
  path: string
  /** URL of the metadata document, for the `resourceMetadata` option. */
  url: string
  /**
   * Middleware for Express, Connect, NestJS (`app.use`) and plain `http`. The middleware responds to GET and HEAD requests for
   * `path`, and calls `next` for all other requests.
   */
  handler(req: IncomingMessage, res: ServerResponse, next: () => void): void
  /**
   * Creates the response to a GET request for `path`, for frameworks based on fetch.
   *
   * @example Hono
   * ```ts
   * app.get(metadata.path, () => metadata.response())
   * ```
   *
   * @example Next.js: `app/.well-known/oauth-protected-resource/route.ts`
   * ```ts
   * import { connection } from 'next/server'
   *
   * export async function GET() {
   *   await connection() // otherwise, `next build` would store the document with the variables of the build
   *   return metadata.response()
   * }
   * ```
   */
  response(): Response
}

/** The metadata document (RFC 9728 section 2). */
export interface ResourceMetadataDocument {
  resource: string
  authorization_servers: string[]
  bearer_methods_supported: string[]
  scopes_supported?: string[]
  resource_name?: string
  resource_documentation?: string
  resource_policy_uri?: string
  resource_tos_uri?: string
}
