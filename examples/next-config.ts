import { withLogtoAuth } from 'logto-authkit/next/config'
import type { NextConfig } from 'next'

const nextConfig: NextConfig = {
  // your configuration
}

export default withLogtoAuth(nextConfig)
