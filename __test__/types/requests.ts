// Requests: every object with headers is accepted without a cast.

import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { RequestLike, VerifyAuthOptions } from 'logto-authkit'
import { verifyAuth } from 'logto-authkit'

declare const options: VerifyAuthOptions

declare const node: IncomingMessage
verifyAuth(node, options)

declare const fetched: Request
verifyAuth(fetched, options)

// A request as @types/express 4 and 5 declare it.
interface ExpressRequest extends IncomingMessage {
  // biome-ignore lint/suspicious/noExplicitAny: declared so there
  cookies: any
  get(name: 'set-cookie'): string[] | undefined
  get(name: string): string | undefined
}
declare const express: ExpressRequest
verifyAuth(express, options)

// A request as fastify and @fastify/cookie declare it.
interface FastifyRequest {
  headers: IncomingHttpHeaders & { 'content-type'?: string }
  cookies: { [cookieName: string]: string | undefined }
  raw: IncomingMessage
}
declare const fastify: FastifyRequest
verifyAuth(fastify, options)

// A request as @types/koa declares it.
interface KoaContext {
  request: { headers: IncomingHttpHeaders; req: IncomingMessage; get(field: string): string }
  req: IncomingMessage
}
declare const koa: KoaContext
verifyAuth(koa.request, options)
verifyAuth(koa.req, options)

// Requests as next declares them: App Router, Pages Router, and the headers and cookies of `next/headers`.
interface RequestCookie {
  name: string
  value: string
}
declare class RequestCookies {
  get(...args: [name: string] | [RequestCookie]): RequestCookie | undefined
  has(name: string): boolean
}
interface NextRequest extends Request {
  get cookies(): RequestCookies
}
interface NextApiRequest extends IncomingMessage {
  cookies: Partial<{ [key: string]: string }>
}
declare const nextRequest: NextRequest
declare const nextApiRequest: NextApiRequest
verifyAuth(nextRequest, options)
verifyAuth(nextApiRequest, options)
verifyAuth({ headers: new Headers(), cookies: {} as Omit<RequestCookies, 'has'> }, options)

// A handshake as socket.io declares it.
interface Handshake {
  headers: IncomingHttpHeaders
  query: { [key: string]: string | string[] | undefined }
}
declare const handshake: Handshake
verifyAuth(handshake, options)

// Objects written by hand.
verifyAuth({ headers: {} }, options)
verifyAuth({ headers: { authorization: 'Bearer token' } }, options)
verifyAuth(
  { headers: { cookie: ['a=1', 'b=2'] }, cookies: { logto_authtoken: 'token', parsed: { by: 'another' } } },
  options,
)
verifyAuth({ headers: { get: () => null }, cookies: { get: (name) => ({ value: name }) } }, options)
const frozen: RequestLike = { headers: { authorization: undefined }, cookies: undefined } as const
verifyAuth(frozen, options)

// @ts-expect-error: a request must have headers
verifyAuth({ cookies: { logto_authtoken: 'token' } }, options)
// @ts-expect-error: a request must have headers
verifyAuth({}, options)
// @ts-expect-error: a header must be a string
verifyAuth({ headers: { authorization: 1 } }, options)
// @ts-expect-error: headers must be an object
verifyAuth({ headers: 'Authorization: Bearer token' }, options)
// @ts-expect-error: `headers()` of next/headers must be awaited
verifyAuth({ headers: Promise.resolve(new Headers()) }, options)
// @ts-expect-error: a missing token must be handled by the caller
verifyAuth(undefined, options)
// @ts-expect-error: a token must be a string, not a buffer
verifyAuth(Buffer.from('token'), options)
