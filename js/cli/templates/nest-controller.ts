import { Controller, Get, UseGuards } from '@nestjs/common'
import type { AuthContext } from 'logto-authkit'
import { Auth, LogtoAuthGuard, Protect } from 'logto-authkit/nestjs'

@Controller()
@UseGuards(new LogtoAuthGuard()) // reads LOGTO_URL and LOGTO_AUDIENCE from the environment
export class MeController {
  @Get('me')
  me(@Auth() { userId, scopes }: AuthContext) {
    return { userId, scopes }
  }

  @Get('orders')
  @Protect({ requiredScope: 'read:orders' })
  orders(@Auth() { userId }: AuthContext) {
    return { owner: userId }
  }
}
