import { text } from 'node:stream/consumers'
import { WebSocket } from 'ws'

const headers = { authorization: `Bearer ${process.env.TOKEN ?? ''}` }
const socket = new WebSocket(process.env.URL ?? 'ws://localhost:3000', { headers })
socket.on('message', (message) => {
  console.log(String(message))
  socket.close()
})
socket.on('unexpected-response', async (_request, response) => console.log(response.statusCode, await text(response)))
socket.on('error', ({ message }) => console.log(message))
