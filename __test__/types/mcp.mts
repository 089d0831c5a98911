// Authorization for MCP servers, with the types of the SDK.

import type { AuthInfo as SdkAuthInfo } from '@modelcontextprotocol/sdk/server/auth/types.js'
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import type { AuthInfo as Sdk2AuthInfo } from '@modelcontextprotocol/server'
import type { AuthContext } from 'logto-authkit'
import { type AuthInfo, type McpAuthOptions, mcpAuth, toAuthInfo } from 'logto-authkit/mcp'

const required = { logtoUrl: 'https://auth.example.test', resource: 'https://api.example.test/mcp' }
const options: McpAuthOptions = {
  ...required,
  audience: null,
  requiredScope: 'read',
  scopesSupported: ['read'],
  resourceName: 'Orders',
  onError: (error, _req, res) => res.status(error.status),
}
export const middleware = mcpAuth(options)

export const toSdk = (auth: AuthContext): SdkAuthInfo & Sdk2AuthInfo => toAuthInfo(auth)
export const userOf = ({ extra }: AuthInfo): string => extra.userId

new McpServer({ name: 'orders', version: '1.0.0' }).registerTool('who', {}, ({ authInfo }) => ({
  content: [{ type: 'text', text: `${authInfo?.extra?.userId}` }],
}))

export async function serve(request: Parameters<StreamableHTTPServerTransport['handleRequest']>[0], auth: AuthContext) {
  const transport = new StreamableHTTPServerTransport({})
  await transport.handleRequest(
    Object.assign(request, { auth: toAuthInfo(auth) }),
    {} as Parameters<StreamableHTTPServerTransport['handleRequest']>[1],
  )
}

// @ts-expect-error: `resource` is required
mcpAuth({ logtoUrl: required.logtoUrl })
// @ts-expect-error: MCP servers have no guests
mcpAuth({ ...required, allowGuest: true })
// @ts-expect-error: an MCP server reads only the `Authorization` header
mcpAuth({ ...required, tokenSources: ['cookie'] })
