/**
 * A guard and decorators for NestJS 10 and later, on Express or Fastify.
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
import type { AuthError } from '../..'
import type { AdapterOptions, Requirements } from './options'

export type { OrganizationId, Requirements } from './options'

/**
 * Finds out who is asking, for {@link Auth} and {@link Protect}. For all routes, provide it as `APP_GUARD`; for some, name
 * it in `@UseGuards(guard)` of their controllers.
 *
 * A request that is refused is an `HttpException` with the status and the headers of the {@link AuthError}, which is its
 * `cause`, and the body `{ error, code, message }`: exception filters get to see it, and NestJS answers with it as
 * `logto-authkit/express` does. With `allowGuest` everybody passes, and a new guest gets a cookie. CORS preflights pass
 * without a context.
 *
 * It guards HTTP only: anything else that it is asked about is an error.
 */
export class LogtoAuthGuard implements CanActivate {
  /** @throws `TypeError` with `code: 'invalid_options'`, now and not on the first request. */
  constructor(options: LogtoAuthOptions)
  canActivate(context: ExecutionContext): Promise<boolean>
}

/** What {@link LogtoAuthGuard} takes. */
export interface LogtoAuthOptions extends Omit<AdapterOptions, 'getToken'> {
  /** As in `VerifyAuthOptions`, asked about the request of the platform. */
  // biome-ignore lint/suspicious/noExplicitAny: that of the platform in use
  getToken?(request: any): string | null | undefined
}

/**
 * A parameter's decorator: who is asking, an `AuthContext`; `undefined` where {@link LogtoAuthGuard} has not been, and in
 * CORS preflights.
 *
 * @example
 * ```ts
 * @Get('me')
 * me(@Auth() auth: AuthContext) {
 *   return auth.isAuthenticated ? auth.payload : 'a visitor'
 * }
 * ```
 */
export function Auth(): ParameterDecorator

/**
 * Guards a method or a controller: what {@link LogtoAuthGuard} found out must meet the requirements. A guest is refused as
 * somebody without a token (`missing_token`, 401), and so is everybody where the guard has not been before: on the same
 * method or class, `@UseGuards(guard)` stands below `@Protect`, as decorators apply from the bottom up.
 *
 * @param requirements - What the token must permit; without any, it is enough to have one.
 * @throws `TypeError` with `code: 'invalid_options'`, now and not on the first request.
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
 * Answers an {@link AuthError} that a handler throws, `requireScopes` in it for instance, as a refusal of the guard;
 * NestJS would make a 500 of it.
 *
 * @example
 * ```ts
 * app.useGlobalFilters(new AuthErrorFilter())
 * ```
 */
export class AuthErrorFilter implements ExceptionFilter<AuthError> {
  catch(error: AuthError, host: ArgumentsHost): void
}
