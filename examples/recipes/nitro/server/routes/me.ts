import { defineHandler } from 'nitro'

export default defineHandler(({ context: { auth } }) => ({ userId: auth.userId, scopes: auth.scopes }))
