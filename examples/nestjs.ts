import 'reflect-metadata'
import { Controller, Get, Module } from '@nestjs/common'
import { APP_FILTER, APP_GUARD, NestFactory } from '@nestjs/core'
import type { AuthContext } from 'logto-authkit'
import { Auth, AuthErrorFilter, LogtoAuthGuard, Protect } from 'logto-authkit/nestjs'

@Controller()
class OrdersController {
  @Get('me')
  me(@Auth() { userId, scopes }: AuthContext) {
    return { userId, scopes }
  }

  @Get('orders')
  @Protect({ requiredScope: 'read:orders' })
  orders(@Auth() auth: AuthContext) {
    return { owner: auth.userId }
  }
}

const guard = new LogtoAuthGuard() // reads LOGTO_URL and LOGTO_AUDIENCE from the environment

@Module({
  controllers: [OrdersController],
  providers: [
    { provide: APP_GUARD, useValue: guard },
    { provide: APP_FILTER, useClass: AuthErrorFilter },
  ],
})
class AppModule {}

async function bootstrap() {
  const app = await NestFactory.create(AppModule, { logger: ['error', 'warn'] })
  const port = process.env.PORT ?? 3000
  await app.listen(port)
  console.log(`listening at http://localhost:${port}`)
}

bootstrap()
