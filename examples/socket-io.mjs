import { createServer } from 'node:http'
import { verifyUpgrade } from 'logto-authkit/upgrade'
import { Server } from 'socket.io'

const options = {
  logtoUrl: process.env.LOGTO_URL ?? '', // https://<tenant>.logto.app, or your own server's address
  audience: 'https://api.example.com', // the API resource's identifier, as registered in Logto
  allowedOrigins: ['https://app.example.com'], // your pages: those of other sites could come with your cookies
}
const server = createServer()
const io = new Server(server, {
  // A connection begins as an HTTP request or as a WebSocket: both come by here, once.
  allowRequest: async (request, callback) => {
    callback(null, (await verifyUpgrade(request, request.socket, options)) !== null)
  },
})
io.on('connection', (socket) => socket.emit('hello', socket.request.auth.userId))

server.listen(process.env.PORT ?? 3000)
