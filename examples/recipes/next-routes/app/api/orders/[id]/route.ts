import { withAuth } from '@/lib/auth'

/** Reads the id from the path, and the number of cups from the JSON body. */
export const PUT = withAuth(
  async (request, { params }: { params: Promise<{ id: string }> }) => {
    const { id } = await params
    const { cups } = await request.json()
    return Response.json({ id, cups: Number(cups), orderedBy: request.auth.userId })
  },
  { requiredScope: 'write:orders' },
)
