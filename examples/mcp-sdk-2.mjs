import { toNodeHandler } from '@modelcontextprotocol/node'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import express from 'express'
import { mcpAuth } from 'logto-authkit/mcp'

const app = express()
app.use(
  mcpAuth({
    // Reads LOGTO_URL from the environment.
    resource: process.env.MCP_URL ?? 'https://api.example.com/mcp', // the URL of this server, registered in Logto as an API resource
    scopesSupported: ['read:orders'], // clients ask for these
  }),
)

const handler = createMcpHandler(() => {
  const server = new McpServer({ name: 'orders', version: '1.0.0' })
  server.registerTool('list-orders', { description: 'Lists your orders' }, ({ http }) => {
    if (!http.authInfo.scopes.includes('read:orders')) throw new Error('Missing required scope: read:orders')
    return { content: [{ type: 'text', text: `Orders of ${http.authInfo.extra.userId}` }] }
  })
  return server
})
app.all('/mcp', toNodeHandler(handler)) // reads the body itself, so no body parser may run before it

const port = process.env.PORT ?? 3000
app.listen(port).on('listening', () => console.log(`listening at http://localhost:${port}`))
