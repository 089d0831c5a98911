import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
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

app.post('/mcp', express.json(), async (req, res) => {
  const server = new McpServer({ name: 'orders', version: '1.0.0' })
  server.registerTool('list-orders', { description: 'Lists your orders' }, ({ authInfo }) => {
    if (!authInfo.scopes.includes('read:orders')) throw new Error('Missing required scope: read:orders')
    return { content: [{ type: 'text', text: `Orders of ${authInfo.extra.userId}` }] }
  })
  const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined })
  await server.connect(transport)
  await transport.handleRequest(req, res, req.body)
})
// The MCP specification requires this status from servers that offer no event stream.
app.get('/mcp', (_req, res) => res.sendStatus(405))

const port = process.env.PORT ?? 3000
app.listen(port).on('listening', () => console.log(`listening at http://localhost:${port}`))
