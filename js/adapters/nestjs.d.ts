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
 * Verifies the request's token, for {@link Auth} and {@link Protect}. Provide the guard as `APP_GUARD` for all routes, or
 * use `@UseGuards(guard)` on individual controllers.
 *
 * For a rejected request it throws an `HttpException` with the status and headers of the {@link AuthError}, which is its
 * `cause`, and the body `{ error, code, message }`. Exception filters can handle it; otherwise NestJS sends the same
 * response as `logto-authkit/express`. With `allowGuest: true`, no request is rejected, and the response to a new guest sets a
 * cookie. CORS preflights are rejected unless `allowPreflight` is set; `app.enableCors()` responds to them first.
 *
 * In GraphQL, a rejection is an error of the response, with the same body as `extensions.originalError`. In other kinds of context,
 * override {@link LogtoAuthGuard.getRequest}.
 */
export class LogtoAuthGuard implements CanActivate {
  /** @throws `TypeError` with `code: 'invalid_options'`. */
  constructor(options?: OneOrMore<LogtoAuthOptions>)
  /** Returns synchronously for previously verified tokens. */
  canActivate(context: ExecutionContext): boolean | Promise<boolean>
  /**
   * Returns the request that a context belongs to. The guard, {@link Auth} and {@link Protect} use it.
   *
   * By default, this is the request of HTTP contexts, and `req` of GraphQL contexts.
   *
   * @throws `Error` if there is no request, as in a gateway: override this method, or mark the handler with {@link Public}.
   *
   * @example Socket.IO gateways, with the request of the handshake. A rejected message causes the event `exception`.
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
  /** As in `VerifyAuthOptions`; called with the request of Express or Fastify. */
  // biome-ignore lint/suspicious/noExplicitAny: the type depends on the platform
  getToken?(request: any): string | null | undefined | Promise<string | null | undefined>
}

/**
 * A parameter decorator for the `AuthContext`. It is `undefined` on routes that are {@link Public} or without
 * {@link LogtoAuthGuard}, and with `allowPreflight` in CORS preflights.
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
 * Protects a method or controller: the context verified by {@link LogtoAuthGuard} must meet the requirements. Guests are
 * rejected with their `guestReason`, and requests that the guard has not processed with `missing_token` (401). On the same method or
 * class, write `@UseGuards(guard)` below `@Protect`, because decorators apply from the bottom up.
 *
 * @param requirements - If omitted, any valid token is accepted.
 * @throws `TypeError` with `code: 'invalid_options'` at construction.
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
 * Opens a method or controller that is behind a global {@link LogtoAuthGuard}, or in a class with {@link Protect}: no token is
 * verified. A decorator of a method overrides those of its class, so a method with {@link Protect} in a public class is protected.
 *
 * @throws `TypeError` if {@link Protect} is on the same method or class.
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
 * Responds to an {@link AuthError} thrown by a handler (by `requireScopes`, for instance) as the guard does. Without this
 * filter, NestJS would respond with 500. NestJS does not apply global filters to gateways: use `@UseFilters(AuthErrorFilter)` there.
 *
 * @example
 * ```ts
 * app.useGlobalFilters(new AuthErrorFilter())
 * ```
 */
export class AuthErrorFilter implements ExceptionFilter<AuthError> {
  catch(error: AuthError, host: ArgumentsHost): unknown
}
