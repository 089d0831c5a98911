import { createServer } from 'node:http'
import { socketAuth } from 'logto-authkit/upgrade'
import { Server } from 'socket.io'

const origin = ['https://app.example.com'] // only these pages may connect
const server = createServer()
const io = new Server(server, { cors: { origin, credentials: true } })

io.use(socketAuth({ allowedOrigins: origin })) // reads LOGTO_URL and LOGTO_AUDIENCE from the environment
io.on('connection', (socket) => {
  const { userId, payload } = socket.data.auth
  socket.emit('hello', userId)
  // Closes the connection when the token expires. The client then reconnects with a new token.
  const timer = setTimeout(() => socket.conn.close(), payload.exp * 1000 - Date.now())
  socket.on('disconnect', () => clearTimeout(timer))
})

const port = process.env.PORT ?? 3000
server.listen(port, () => console.log(`listening at http://localhost:${port}`))
