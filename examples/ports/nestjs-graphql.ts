/** NestJS with GraphQL and a REST route for health checks, behind one global guard. */

import 'reflect-metadata'
import { ApolloDriver, type ApolloDriverConfig } from '@nestjs/apollo'
import { Controller, Get, Module } from '@nestjs/common'
import { APP_FILTER, APP_GUARD, NestFactory } from '@nestjs/core'
import { Args, GraphQLModule, Mutation, Query, Resolver } from '@nestjs/graphql'
import { type AuthenticatedContext, forbidden } from 'logto-authkit'
import { Auth, AuthErrorFilter, LogtoAuthGuard, Protect, Public } from 'logto-authkit/nestjs'

/** In a real application, this would be a database table. */
const owners = new Map([['1', 'alice']])

@Resolver()
class OrdersResolver {
  @Query(() => String)
  me(@Auth() auth: AuthenticatedContext) {
    return auth.userId
  }

  @Query(() => [String])
  @Protect({ requiredScope: 'read:orders' })
  orders(@Auth() auth: AuthenticatedContext) {
    return [...owners].filter(([, owner]) => owner === auth.userId).map(([id]) => id)
  }

  @Mutation(() => Boolean)
  @Protect({ requiredScope: 'write:orders', subjectType: 'user' })
  cancel(@Auth() auth: AuthenticatedContext, @Args('id', { type: () => String }) id: string) {
    if (owners.get(id) !== auth.userId) throw forbidden('This order belongs to another user')
    return owners.delete(id)
  }
}

@Public()
@Controller('health')
class HealthController {
  @Get()
  health() {
    return 'ok'
  }
}

const guard = new LogtoAuthGuard() // reads LOGTO_URL and LOGTO_AUDIENCE from the environment

@Module({
  imports: [GraphQLModule.forRoot<ApolloDriverConfig>({ driver: ApolloDriver, autoSchemaFile: true })],
  controllers: [HealthController],
  providers: [
    OrdersResolver,
    { provide: APP_GUARD, useValue: guard },
    { provide: APP_FILTER, useClass: AuthErrorFilter },
  ],
})
class AppModule {}

const app = await NestFactory.create(AppModule, { logger: ['error', 'warn'] })
await app.listen(process.env.PORT ?? 3000)
