/**
 * A guard and decorators for NestJS 10 and later, on Express or Fastify, for HTTP, GraphQL and WebSocket gateways.
 *
 * @example
 * ```ts
 * import { Controller, Get, Module } from '@nestjs/common'
 * import { APP_GUARD } from '@nestjs/core'
 * import type { AuthContext } from 'logto-authkit'
 * import { Auth, LogtoAuthGuard, Protect } from 'logto-authkit/nestjs'
 *
 * const guard = new LogtoAuthGuard({ logtoUrl: 'https://auth.example.com', audience: 'https://api.example.com' })
 *
 * @Controller()
 * class OrdersController {
 *   @Get('orders')
 *   @Protect({ requiredScope: 'read:orders' })
 *   list(@Auth() auth: AuthContext) {
 *     return { of: auth.userId }
 *   }
 * }
 *
 * @Module({ controllers: [OrdersController], providers: [{ provide: APP_GUARD, useValue: guard }] })
 * export class AppModule {}
 * ```
 *
 * @packageDocumentation
 */

import type { ArgumentsHost, CanActivate, ExceptionFilter, ExecutionContext } from '@nestjs/common' with {
  'resolution-mode': 'import',
}
import type { AuthError, OneOrMore, RequestLike } from '../..'
import type { AdapterOptions, Requirements } from './options'

export type { OrganizationId, Requirements } from './options'

/**
 * A guard that verifies the token of each request, for {@link Auth} and {@link Protect}. Provide the guard as `APP_GUARD` for all
 * routes, or use `@UseGuards(guard)` on individual controllers.
 *
 * For a rejected request, the guard throws an `HttpException` with the status and headers of the {@link AuthError} and the body
 * `{ error, code, message }`. The `AuthError` is the `cause` of the exception. If no exception filter handles the exception, NestJS
 * sends the same response as `logto-authkit/express`. With `allowGuest: true`, no request is rejected, and the response to a new
 * guest sets a cookie. CORS preflights are rejected unless `allowPreflight` is set, or `app.enableCors()` responds to them first.
 *
 * In GraphQL, the response to a rejected request contains an error with the same body in `extensions.originalError`.
 * For all other execution contexts, override {@link LogtoAuthGuard.getRequest}.
 */
export class LogtoAuthGuard implements CanActivate {
  /** @throws `TypeError` with `code: 'invalid_options'`. */
  constructor(options?: OneOrMore<LogtoAuthOptions>)
  /** Verifies the request of an execution context. Returns synchronously for previously verified tokens. */
  canActivate(context: ExecutionContext): boolean | Promise<boolean>
  /**
   * Returns the request that an execution context belongs to, for the guard, {@link Auth} and {@link Protect}.
   *
   * By default, `getRequest` returns the request of an HTTP context, or `req` from a GraphQL context.
   *
   * @throws `Error` if the context has no request, as in a gateway. For contexts without a request, override `getRequest`, or mark
   *   the handler with {@link Public}.
   *
   * @example Socket.IO gateways, with the handshake request. Clients receive rejections as the event `exception`.
   * ```ts
   * class Guard extends LogtoAuthGuard {
   *   override getRequest(context: ExecutionContext) {
   *     return context.getType() === 'ws' ? context.switchToWs().getClient().request : super.getRequest(context)
   *   }
   * }
   * ```
   */
  getRequest(context: ExecutionContext): RequestLike
}

/** Options of {@link LogtoAuthGuard}. */
export interface LogtoAuthOptions extends Omit<AdapterOptions, 'getToken'> {
  /** Like `getToken` in `VerifyAuthOptions`, but receives the request of Express or Fastify. */
  // biome-ignore lint/suspicious/noExplicitAny: the type depends on the platform
  getToken?(request: any): string | null | undefined | Promise<string | null | undefined>
}

/**
 * A parameter decorator that injects the `AuthContext`. The parameter is `undefined` on routes that are {@link Public} or have no
 * {@link LogtoAuthGuard}. With `allowPreflight`, the parameter is also `undefined` in CORS preflights.
 *
 * @returns The decorator.
 * @throws `Error` with `code: 'MODULE_NOT_FOUND'` if `@nestjs/common` is not installed.
 *
 * @example
 * ```ts
 * @Get('me')
 * me(@Auth() auth: AuthContext) {
 *   return auth.isAuthenticated ? auth.payload : 'guest'
 * }
 * ```
 */
export function Auth(): ParameterDecorator

/**
 * A method or controller decorator that rejects requests unless the context verified by {@link LogtoAuthGuard} meets the
 * requirements. Guests are rejected with the code in `guestReason`. Requests that the guard has not verified are rejected with
 * `missing_token` (401). On the same method or class, write `@UseGuards(guard)` below `@Protect`, because decorators apply from the
 * bottom up.
 *
 * @param requirements - The requirements. Without requirements, any valid token is accepted.
 * @returns The decorator.
 * @throws `TypeError` with `code: 'invalid_options'` for an unknown or invalid requirement.
 * @throws `Error` with `code: 'MODULE_NOT_FOUND'` if `@nestjs/common` is not installed.
 *
 * @example
 * ```ts
 * @Delete('orders/:id')
 * @Protect({ requiredScope: 'write:orders', subjectType: 'user' })
 * remove(@Param('id') id: string) {}
 * ```
 */
export function Protect(requirements?: Requirements): ClassDecorator & MethodDecorator

/**
 * A decorator that makes a method or controller public, despite a global {@link LogtoAuthGuard} or {@link Protect} on
 * the class. No token is verified. Decorators on a method override the decorators on its class, so a method with
 * {@link Protect} in a public class is protected.
 *
 * @returns The decorator.
 * @throws `TypeError` if {@link Protect} is on the same method or class.
 * @throws `Error` with `code: 'MODULE_NOT_FOUND'` if `@nestjs/common` is not installed.
 *
 * @example
 * ```ts
 * @Get('health')
 * @Public()
 * health() {
 *   return 'ok'
 * }
 * ```
 */
export function Public(): ClassDecorator & MethodDecorator

/**
 * Sends the same response as the guard if a handler throws an {@link AuthError}, for example with `requireScopes`. Without this
 * filter, NestJS would respond with 500. NestJS does not apply global filters to gateways, so use `@UseFilters(AuthErrorFilter)`
 * in gateways.
 *
 * @example
 * ```ts
 * app.useGlobalFilters(new AuthErrorFilter())
 * ```
 */
export class AuthErrorFilter implements ExceptionFilter<AuthError> {
  catch(error: AuthError, host: ArgumentsHost): unknown
}
