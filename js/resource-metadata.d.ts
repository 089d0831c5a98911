/**
 * The metadata of a protected resource (RFC 9728), by which clients that know nothing but an API's address, those of MCP
 * servers for instance, find the Logto that grants its tokens.
 *
 * @example
 * ```ts
 * import express from 'express'
 * import { logtoAuth } from 'logto-authkit/express'
 * import { createResourceMetadata } from 'logto-authkit/resource-metadata'
 *
 * const resource = 'https://api.example.com/mcp' // the API resource's identifier, as registered in Logto
 * const metadata = createResourceMetadata({ resource, logtoUrl: 'https://auth.example.com', scopesSupported: ['read:orders'] })
 *
 * const app = express()
 * app.use(metadata.handler) // above logtoAuth: clients without a token ask for it
 * app.use(logtoAuth({ logtoUrl: 'https://auth.example.com', audience: resource, resourceMetadata: metadata.url }))
 * ```
 *
 * @packageDocumentation
 */

import type { IncomingMessage, ServerResponse } from 'node:http'

/**
 * Makes the document, its address, and what serves it.
 *
 * @throws `TypeError` with `code: 'invalid_options'` if an option is unknown, missing or wrong.
 */
export function createResourceMetadata(options: ResourceMetadataOptions): ResourceMetadata

/** What {@link createResourceMetadata} takes. */
export interface ResourceMetadataOptions {
  /**
   * The resource's identifier, the address that clients know, to the letter. It is what they ask Logto for a token for:
   * register it as an API resource, and name it as `audience`.
   */
  resource: string
  /** Logto's base address, as in `VerifyAuthOptions`: its issuer is the authorization server. */
  logtoUrl?: string
  /**
   * The issuers of the authorization servers.
   * @defaultValue that of `logtoUrl`
   */
  authorizationServers?: readonly string[]
  /** Scopes that a client may ask for. */
  scopesSupported?: readonly string[]
  /**
   * How a token may be sent (RFC 6750 section 2).
   * @defaultValue `['header']`
   */
  bearerMethodsSupported?: readonly ('header' | 'body' | 'query')[]
  /** The resource's name, for people. */
  resourceName?: string
  /** A page for developers. */
  resourceDocumentation?: string
  /** A page about how data may be used. */
  resourcePolicyUri?: string
  /** A page with the terms of service. */
  resourceTosUri?: string
}

/** Made by {@link createResourceMetadata}. Its functions need no `this`. */
export interface ResourceMetadata {
  /** The document, for frameworks that make JSON of objects. */
  document: ResourceMetadataDocument
  /**
   * Where it is served (RFC 9728 section 3.1): `/.well-known/oauth-protected-resource`, followed by the path of the
   * resource if it has one.
   */
  path: string
  /** The same as an address, for `resourceMetadata` of the adapters. */
  url: string
  /**
   * Middleware for Express, Connect and NestJS (`app.use`), and for plain `http`: answers GET and HEAD of `path`, hands on
   * everything else.
   */
  handler(req: IncomingMessage, res: ServerResponse, next: () => void): void
  /**
   * The answer for frameworks of fetch, for GET of `path`.
   *
   * @example Hono, Next.js
   * ```ts
   * app.get(metadata.path, () => metadata.response())
   * export const GET = () => metadata.response() // app/.well-known/oauth-protected-resource/route.ts
   * ```
   */
  response(): Response
}

/** The document (RFC 9728 section 2). */
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
