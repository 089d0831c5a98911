import { createNextAuth } from 'logto-authkit/next'
import { audience, logtoUrl } from './settings'

export const { authProxy, getAuth, withAuth } = createNextAuth({ logtoUrl, audience, allowGuest: true })
