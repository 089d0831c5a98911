import { createServer } from 'node:http'
import { createVerifier } from 'logto-authkit'
import { verifyUpgrade } from 'logto-authkit/upgrade'
import { WebSocketServer } from 'ws'

// LOGTO_URL and LOGTO_AUDIENCE are read from the environment.
const options = {
  allowedOrigins: ['https://app.example.com'], // only these pages may connect; browsers send cookies with requests from any site
}
createVerifier() // throws at startup if a variable is missing; verifyUpgrade would throw only when a client connects
const sockets = new WebSocketServer({ noServer: true })
const server = createServer((_req, res) => res.writeHead(426).end())

server.on('upgrade', async (request, socket, head) => {
  try {
    const auth = await verifyUpgrade(request, socket, options)
    if (auth === null) return // rejected: the response has been sent
    sockets.handleUpgrade(request, socket, head, (ws) => sockets.emit('connection', ws, request, auth))
  } catch (error) {
    console.error(error) // an invalid option, or thrown by one of your functions, such as isRevoked; the client has received status 500
  }
})
sockets.on('connection', (ws, _request, auth) => ws.send(`Hello ${auth.userId}`))

const port = process.env.PORT ?? 3000
server.listen(port, () => console.log(`listening at http://localhost:${port}`))
