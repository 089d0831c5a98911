import { metadata } from '@/lib/mcp'

export const GET = () => metadata.response()
