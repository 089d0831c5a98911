import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'

const client = new Client({ name: 'a-client', version: '1.0.0' })
const url = new URL(process.env.URL ?? 'http://localhost:3000/mcp')
const headers = { authorization: `Bearer ${process.env.TOKEN ?? ''}` }
await client.connect(new StreamableHTTPClientTransport(url, { requestInit: { headers } }))
console.log((await client.callTool({ name: 'list-orders' })).content)
await client.close()
