// The NestJS guard and decorators, as applications use them.

import { type CanActivate, Controller, type ExecutionContext, Get, Module, UseGuards } from '@nestjs/common'
import { APP_FILTER, APP_GUARD } from '@nestjs/core'
import type { AuthContext } from 'logto-authkit'
import { Auth, AuthErrorFilter, LogtoAuthGuard, type LogtoAuthOptions, Protect, Public } from 'logto-authkit/nestjs'

const required = { logtoUrl: 'https://auth.example.test', audience: 'https://api.example.test' }
const everything: LogtoAuthOptions = {
  ...required,
  organizationId: (request) => request.params.org,
  getToken: (request) => request.headers['x-token'],
}
const guard: CanActivate = new LogtoAuthGuard(everything)

@Controller('orders')
@Protect({ requiredScope: 'read' })
@UseGuards(guard)
class Orders {
  @Get()
  @Protect({ requiredRole: 'admin', subjectType: 'user' })
  list(@Auth() auth: AuthContext) {
    // @ts-expect-error: `userId` is `null` for a guest
    auth.userId.length
    return auth.isGuest ? auth.guestId : auth.payload.sub.toUpperCase()
  }

  @Get('all')
  @Protect()
  all(@Auth() { userId }: AuthContext) {
    return userId
  }

  @Get('health')
  @Public()
  health() {
    return 'ok'
  }
}

@Public()
class About {}

class Guard extends LogtoAuthGuard {
  override getRequest(context: ExecutionContext) {
    return context.getType() === 'ws' ? context.switchToWs().getClient().request : super.getRequest(context)
  }
}
new Guard(everything)

@Module({
  controllers: [Orders, About],
  providers: [
    { provide: APP_GUARD, useValue: guard },
    { provide: APP_FILTER, useClass: AuthErrorFilter },
  ],
})
export class AppModule {}

// LOGTO_URL and LOGTO_AUDIENCE may replace options.
new LogtoAuthGuard()
new LogtoAuthGuard({ logtoUrl: required.logtoUrl })
// @ts-expect-error: NestJS uses exception filters instead of `onError`
new LogtoAuthGuard({ ...required, onError: () => {} })
// @ts-expect-error: unknown requirement
Protect({ scope: 'read' })
// @ts-expect-error: a public route has no requirements
Public({ requiredScope: 'read' })
