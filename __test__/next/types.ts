// Type tests of handlers and options. The builds of the fixture run Next.js's own checks of the routes.

import type { AuthContext, AuthErrorCode, AuthenticatedContext, StandardSchemaV1 } from 'logto-authkit'
import type { AuthApiRequest, AuthRequest, NextAuthOptions, NextAuthResult } from 'logto-authkit/next'
import { authProxy, createNextAuth, getAuth, verifyNextAuth, withApiAuth, withAuth } from 'logto-authkit/next'
import { withLogtoAuth } from 'logto-authkit/next/config'
import type { NextApiHandler, NextApiRequest, NextApiResponse, NextConfig } from 'next'
import { type NextFetchEvent, type NextRequest, NextResponse } from 'next/server'

declare const options: NextAuthOptions
declare const request: NextRequest

/** A proxy as created by next-intl. */
declare const intl: (request: NextRequest) => NextResponse<unknown>

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <A, B>(_: Equal<A, B>) => {}

// A Route Handler: the type of the context follows from the options and can be narrowed.
const handler = withAuth((request) => {
  same<typeof request.auth, AuthContext>(true)
  if (request.auth.isAuthenticated) same<typeof request.auth.userId, string>(true)
  else same<typeof request.auth.guestId, string>(true)
  return Response.json(request.nextUrl.pathname)
}, options)
const response: Promise<Response> = handler(request, { params: Promise.resolve({}) })

// Route parameters as Next.js declares them.
const typedHandler = withAuth(async (_request, { params }: { params: Promise<{ id: string }> }) => {
  same<Awaited<typeof params>, { id: string }>(true)
  return new Response((await params).id)
}, options)
typedHandler(request, { params: Promise.resolve({ id: '7' }) })
// @ts-expect-error: the route has another parameter
typedHandler(request, { params: Promise.resolve({ name: '7' }) })

// The Pages Router.
const api: NextApiHandler<{ userId: string | null }> = withAuth(
  (req: AuthApiRequest, res: NextApiResponse<{ userId: string | null }>) => {
    same<typeof req.auth, AuthContext>(true)
    res.json({ userId: req.auth.userId })
  },
  options,
)
declare const req: NextApiRequest
declare const res: NextApiResponse
api(req, res)

// C9: handlers of the Pages Router need no annotations, whatever they return.
const OPTIONS = { logtoUrl: 'https://auth.example.test', audience: 'https://api.example.test' }
const expression = withApiAuth((req, res) => res.json({ hello: req.auth.userId }), OPTIONS)
const statement: NextApiHandler = withApiAuth((req, res) => {
  same<typeof req.auth, AuthenticatedContext>(true)
  same<typeof req.auth.userId, string>(true)
  res.status(200).json({ name: String(req.query.name) })
}, OPTIONS)
const asyncHandler: NextApiHandler<string[]> = withApiAuth(async (req, res) => {
  if (req.auth.isGuest) return res.status(401).end()
  res.json(await Promise.resolve(req.auth.scopes))
}, options)
const mixed = withApiAuth(
  (req, res) => {
    same<typeof req.auth, AuthContext>(true)
    if (req.method !== 'GET') return res.status(405).end()
    return res.json(req.auth.isGuest ? req.auth.guestId : req.auth.userId)
  },
  { ...OPTIONS, allowGuest: true },
)
expression(req, res).then((nothing) => same<typeof nothing, void>(true))
// @ts-expect-error: unknown option
withApiAuth((_req, res) => res.end(), { ...OPTIONS, scope: 'a' })

// Without `allowGuest`, there are no guests.
withAuth((request) => {
  same<typeof request.auth, AuthenticatedContext>(true)
  return new Response(request.auth.userId)
}, OPTIONS)
withAuth(
  (request) => {
    same<typeof request.auth, AuthenticatedContext>(true)
    return new Response(request.auth.userId)
  },
  { ...OPTIONS, allowGuest: false },
)
verifyNextAuth(request, OPTIONS).then((result) => {
  if (result.success) same<typeof result.auth, AuthenticatedContext>(true)
})

// With `allowGuest`, guests are possible, unless the route has requirements.
const guests = createNextAuth({ ...OPTIONS, allowGuest: true })
guests.withAuth((request) => {
  same<typeof request.auth, AuthContext>(true)
  return new Response()
})
guests.withAuth(
  (request) => {
    same<typeof request.auth, AuthenticatedContext>(true)
    return new Response()
  },
  { requiredScope: 'read:orders' },
)
guests.withApiAuth((req, res) => {
  same<typeof req.auth, AuthContext>(true)
  res.end()
})
guests.withApiAuth((req, res) => {
  same<typeof req.auth, AuthenticatedContext>(true)
  res.end(req.auth.userId)
}, {})
const users = createNextAuth(OPTIONS)
users.withAuth((request) => new Response(request.auth.userId))
users.withApiAuth((req, res) => res.json(req.auth.userId.length))
users.getAuth().then((auth) => same<typeof auth, AuthContext>(true))
users.verify(request).then((result) => {
  if (result.success) same<typeof result.auth.userId, string>(true)
})

// Options of all adapters: a schema for claims, several Logto servers, and functions of the request.
declare const schema: StandardSchemaV1<unknown, { email: string }>
const member = createNextAuth({ ...OPTIONS, claims: schema, allowGuest: true })
member.withAuth((request) => Response.json(request.auth.claims.email), { roleMode: 'any', requiredRole: ['a', 'b'] })
member.withApiAuth((req, res) => res.json(req.auth.isGuest ? null : req.auth.claims.email))
member.getAuth().then((auth) => auth.isGuest || same<typeof auth.claims, { email: string }>(true))
withAuth((request) => new Response(request.auth.claims.email), { ...OPTIONS, claims: schema })
createNextAuth([OPTIONS, { ...OPTIONS, logtoUrl: 'https://other.example.test' }]).withAuth((request) => {
  same<typeof request.auth, AuthenticatedContext>(true)
  return new Response()
})
authProxy([{ ...OPTIONS, signInUrl: '/sign-in' }])
guests.withAuth(() => new Response(), {
  organizationId: async (request: NextRequest) => request.nextUrl.pathname,
  check: (auth, request: NextRequest) => request.nextUrl.pathname.startsWith(auth.userId),
})

// @ts-expect-error: a handler must return a response
withAuth((request: AuthRequest) => request.url, options)
// LOGTO_AUDIENCE may replace the audience.
withAuth(() => new Response(), { logtoUrl: 'https://auth.example.test' })
// @ts-expect-error: unknown option
withAuth(() => new Response(), { logtoUrl: 'https://auth.example.test', audience: null, scope: 'a' })

const {
  authProxy: proxy,
  getAuth: current,
  verify,
  withAuth: guarded,
} = createNextAuth({
  logtoUrl: 'https://auth.example.test',
  audience: 'https://api.example.test',
  organizationId: (request: NextRequest) => request.nextUrl.searchParams.get('organization'),
})
guarded(() => new Response(), { requiredRole: 'a', roleClaims: ['groups'] })
guarded(() => new Response(), { requiredScope: ['a', 'b'], scopeMode: 'any', subjectType: 'machine' })
guarded((_req: AuthApiRequest, res: NextApiResponse) => res.end(), {
  organizationId: (req: NextApiRequest) => String(req.query.id),
})
// @ts-expect-error: unknown requirement
guarded(() => new Response(), { audience: null })
// @ts-expect-error: unknown subject type
guarded(() => new Response(), { subjectType: 'guest' })

const gate: (request: NextRequest, event: NextFetchEvent) => Promise<NextResponse> = proxy({
  publicPaths: ['/', /^\/docs/],
})
authProxy({ ...options, signInUrl: '/sign-in', publicPaths: ['/'] })
proxy({ signInUrl: (request) => `/${request.nextUrl.locale}/sign-in`, next: () => {} })
proxy({ next: (request) => intl(request) })
proxy({ next: intl })
proxy({
  next: async (request, auth) => {
    same<typeof auth, AuthContext | undefined>(true)
    return request.nextUrl.pathname === '/' ? undefined : NextResponse.next()
  },
})
// @ts-expect-error: `signInUrl` must return a string
proxy({ signInUrl: (request: NextRequest) => request.nextUrl })
// @ts-expect-error: a proxy must return a response
proxy({ next: () => '/' })
// @ts-expect-error: public paths must be strings or regular expressions
proxy({ publicPaths: [1] })

const auth: Promise<AuthContext> = current()
getAuth(options)

verifyNextAuth(req, options)
verify(request).then((result) => {
  same<typeof result, NextAuthResult<AuthenticatedContext>>(true)
  if (result.success) same<typeof result.auth, AuthenticatedContext>(true)
  else same<typeof result.code, AuthErrorCode>(true)
})

const config: NextConfig = withLogtoAuth({ output: 'standalone' } satisfies NextConfig)
const byPhase: (phase: string) => NextConfig = withLogtoAuth((phase: string): NextConfig => ({ distDir: phase }))
const eventually: () => Promise<NextConfig> = withLogtoAuth(async (): Promise<NextConfig> => ({}))
const none: NextConfig = withLogtoAuth()
// @ts-expect-error: the argument must be a configuration
withLogtoAuth('standalone')

export { asyncHandler, auth, byPhase, config, eventually, gate, mixed, none, response, statement }
