import { io } from 'socket.io-client'

const socket = io(process.env.URL ?? 'http://localhost:3000', { auth: { token: process.env.TOKEN } })
socket.on('hello', (userId) => {
  console.log(`Hello ${userId}`)
  socket.close()
})
socket.on('connect_error', ({ message, data }) => {
  console.log(message, data)
  socket.close()
})
