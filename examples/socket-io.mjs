import { createServer } from 'node:http'
import { verifyUpgrade } from 'logto-authkit/upgrade'
import { Server } from 'socket.io'

const options = {
  logtoUrl: process.env.LOGTO_URL ?? '', // https://<tenant>.logto.app, or the URL of your self-hosted Logto
  audience: 'https://api.example.com', // the identifier of the API resource, as registered in Logto
  allowedOrigins: ['https://app.example.com'], // only these pages may connect; browsers send cookies with requests from any site
}
const server = createServer()
const io = new Server(server, {
  // Socket.IO calls this once per connection, for long polling and for WebSockets.
  allowRequest: async (request, callback) => {
    callback(null, (await verifyUpgrade(request, request.socket, options)) !== null)
  },
})
io.on('connection', (socket) => socket.emit('hello', socket.request.auth.userId))

server.listen(process.env.PORT ?? 3000)
