import Koa from 'koa'
import { logtoAuth, protect } from 'logto-authkit/koa'

const app = new Koa()
  .use(logtoAuth()) // reads LOGTO_URL and LOGTO_AUDIENCE from the environment
  .use((ctx, next) => {
    if (ctx.path !== '/me') return next()
    ctx.body = { userId: ctx.state.auth.userId, scopes: ctx.state.auth.scopes }
  })
  .use(protect({ requiredScope: 'read:orders' })) // for all middleware below
  .use((ctx) => {
    if (ctx.path === '/orders') ctx.body = { owner: ctx.state.auth.userId }
  })

const port = process.env.PORT ?? 3000
app.listen(port, () => console.log(`listening at http://localhost:${port}`))
