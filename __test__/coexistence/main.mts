// C9: one program that uses all libraries that declare `req.auth` with their own types.

import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import express from 'express'
import { expressjwt, type Request as JwtRequest } from 'express-jwt'
import { auth } from 'express-oauth2-jwt-bearer'
import jwksRsa from 'jwks-rsa'
import { getAuth, logtoAuth, protect, requireAuth } from 'logto-authkit/express'
import { mcpAuth, toAuthInfo } from 'logto-authkit/mcp'

declare module 'logto-authkit' {
  interface Register {
    property: 'logto'
  }
}

const logtoUrl = process.env.LOGTO_URL ?? ''
const audience = 'https://api.example.com'
const issuer = `${logtoUrl}/oidc`
const jwksUri = `${issuer}/jwks`

const app = express()

app.get('/logto-authkit', logtoAuth({ logtoUrl, audience, property: 'logto' }), protect(), (req, res) => {
  const users: string[] = [req.logto.userId, getAuth(req).userId, requireAuth(req).userId]
  res.json(users)
})

app.get('/express-oauth2-jwt-bearer', auth({ issuer, jwksUri, audience }), (req, res) => {
  res.json([req.auth?.payload.sub])
})

const secret = jwksRsa.expressJwtSecret({ jwksUri })
app.get('/express-jwt', expressjwt({ secret, audience, issuer, algorithms: ['RS256'] }), (req: JwtRequest, res) => {
  res.json([req.auth?.sub])
})

app.post('/mcp', mcpAuth({ logtoUrl, resource: audience }), express.json(), async (req, res) => {
  const server = new McpServer({ name: 'test', version: '1.0.0' })
  const { userId } = requireAuth(req)
  server.registerTool('who', {}, ({ authInfo }) => ({
    content: [{ type: 'text', text: `${userId} ${authInfo?.extra?.userId}` }],
  }))
  const transport = new StreamableHTTPServerTransport({ enableJsonResponse: true })
  await server.connect(transport)
  // `express-oauth2-jwt-bearer` and the SDK contradict each other about the type of `req.auth`.
  await transport.handleRequest(Object.assign(req, { auth: toAuthInfo(requireAuth(req)) }), res, req.body)
})

app.listen(process.env.PORT)
