import { getAuth } from '@/lib/auth'

export default async function Page() {
  const auth = await getAuth()
  return <p>{auth.isAuthenticated ? `page of ${auth.userId}` : auth.guestReason}</p>
}
