import { withAuth } from 'logto-authkit/next'

export const runtime = 'edge'

export const GET = withAuth(() => new Response(), { logtoUrl: 'https://auth.example.test', audience: null })
