import { withAuth } from 'logto-authkit/next'

export const dynamic = 'force-dynamic'

export const GET = withAuth(() => Response.json({ ok: true }), {
  logtoUrl: process.env.LOGTO_URL ?? '',
  audience: 'https://api.example.com',
  requiredScope: 'read:orders',
})
