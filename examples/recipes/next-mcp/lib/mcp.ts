import { createNextAuth } from 'logto-authkit/next'
import { createResourceMetadata } from 'logto-authkit/resource-metadata'

const resource = process.env.MCP_URL ?? 'https://api.example.com/mcp' // the URL of this server, registered in Logto as an API resource

// Reads LOGTO_URL from the environment.
export const metadata = createResourceMetadata({ resource, scopesSupported: ['read:orders'] })

/** Like withAuth in lib/auth.ts, but for tokens for the MCP server, and only from the Authorization header. */
export const { withAuth } = createNextAuth({
  audience: resource,
  resourceMetadata: metadata.url,
  tokenSources: ['header'],
})
