import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js'
import { toAuthInfo } from 'logto-authkit/mcp'
import { withAuth } from '@/lib/mcp'

export const POST = withAuth(async (request) => {
  const server = new McpServer({ name: 'orders', version: '1.0.0' })
  server.registerTool('list-orders', { description: 'Lists your orders' }, ({ authInfo }) => {
    if (!authInfo?.scopes.includes('read:orders')) throw new Error('Missing required scope: read:orders')
    return { content: [{ type: 'text', text: `Orders of ${authInfo.extra?.userId}` }] }
  })
  const transport = new WebStandardStreamableHTTPServerTransport()
  await server.connect(transport)
  return transport.handleRequest(request, { authInfo: toAuthInfo(request.auth) })
})
