import Koa from 'koa'
import { logtoAuth, protect } from 'logto-authkit/koa'

const app = new Koa()

app.use(
  logtoAuth({
    logtoUrl: process.env.LOGTO_URL ?? '', // https://<tenant>.logto.app, or the URL of your self-hosted Logto
    audience: 'https://api.example.com', // the identifier of the API resource, as registered in Logto
  }),
)
app.use((ctx, next) => {
  if (ctx.path !== '/me') return next()
  ctx.body = { userId: ctx.state.auth.userId, scopes: ctx.state.auth.scopes }
})
app.use(protect({ requiredScope: 'read:orders' })) // for all middleware below
app.use((ctx) => {
  if (ctx.path === '/orders') ctx.body = { owner: ctx.state.auth.userId }
})

app.listen(process.env.PORT ?? 3000)
