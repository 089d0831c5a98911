import { withLogtoAuth } from 'logto-authkit/next/config'

export default withLogtoAuth({
  // As in a new application of create-next-app.
  cacheComponents: true,
  partialPrefetching: true,
})
