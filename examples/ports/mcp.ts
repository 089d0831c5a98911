/** An MCP server whose tools act for the signed-in user, next to a REST API for the same users. */

import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import express from 'express'
import { type AuthenticatedContext, hasScopes, requireScopes } from 'logto-authkit'
import { requireAuth } from 'logto-authkit/express'
import { mcpAuth } from 'logto-authkit/mcp'
import { z } from 'zod'

declare module 'logto-authkit' {
  interface Register {
    property: 'logto' // the SDK needs req.auth
  }
}

/** Creates a server per request, whose tools know the user. The server offers only tools that the user may use. */
function createServer(auth: AuthenticatedContext) {
  const server = new McpServer({ name: 'orders', version: '1.0.0' })
  server.registerTool('list-orders', { description: 'Lists your orders' }, () => {
    requireScopes(auth, 'read:orders')
    return { content: [{ type: 'text', text: `Orders of ${auth.userId}` }] }
  })
  if (hasScopes(auth, 'write:orders')) {
    const inputSchema = { id: z.string() }
    server.registerTool('cancel-order', { description: 'Cancels an order', inputSchema }, ({ id }) => ({
      content: [{ type: 'text', text: `Order ${id} of ${auth.userId} is canceled` }],
    }))
  }
  return server
}

const app = express()
app.use(
  mcpAuth({
    // Reads LOGTO_URL from the environment.
    resource: process.env.MCP_URL ?? 'https://api.example.com/mcp',
    scopesSupported: ['read:orders', 'write:orders'],
  }),
)
app.post('/mcp', express.json(), async (req, res) => {
  const transport = new StreamableHTTPServerTransport({})
  await createServer(requireAuth(req)).connect(transport)
  await transport.handleRequest(req, res, req.body)
})

app.listen(process.env.PORT ?? 3000)
