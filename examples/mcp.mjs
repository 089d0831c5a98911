import express from 'express'
import { logtoAuth } from 'logto-authkit/express'
import { createResourceMetadata } from 'logto-authkit/resource-metadata'

const logtoUrl = process.env.LOGTO_URL ?? '' // https://<tenant>.logto.app, or the URL of your self-hosted Logto
const resource = 'https://api.example.com/mcp' // the URL of this server, registered in Logto as an API resource

const metadata = createResourceMetadata({ resource, logtoUrl, scopesSupported: ['read:orders'] })

const app = express()
app.use(metadata.handler) // before logtoAuth, because clients without a token request it
app.use(logtoAuth({ logtoUrl, audience: resource, resourceMetadata: metadata.url }))
app.post('/mcp', (req, res) => res.json({ jsonrpc: '2.0', id: 1, result: { hello: req.auth.userId } }))

app.listen(process.env.PORT ?? 3000)
