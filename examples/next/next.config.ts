import { withLogtoAuth } from 'logto-authkit/next/config'

export default withLogtoAuth({
  // create-next-app enables these options in a new application.
  cacheComponents: true,
  partialPrefetching: true,
})
