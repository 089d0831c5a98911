import { connection } from 'next/server'
import { metadata } from '@/lib/mcp'

export async function GET() {
  await connection() // otherwise, `next build` would store the document with the variables of the build
  return metadata.response()
}
