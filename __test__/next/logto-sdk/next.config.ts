import { withLogtoAuth } from 'logto-authkit/next/config'

export default withLogtoAuth({ outputFileTracingRoot: import.meta.dirname })
