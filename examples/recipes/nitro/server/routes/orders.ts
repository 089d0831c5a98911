import { requireScopes } from 'logto-authkit'
import { defineHandler } from 'nitro'

export default defineHandler(({ context: { auth } }) => {
  requireScopes(auth, 'read:orders')
  return { owner: auth.userId }
})
