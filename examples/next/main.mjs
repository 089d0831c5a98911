// Starts the shop with `next dev`. Without LOGTO_URL, it also starts an identity server.
import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { installLogtoAuthkit } from './install.mjs'

const { PORT = '3000', LOGTO_URL } = process.env
const local = {
  LOGTO_APP_ID: 'shop',
  LOGTO_APP_SECRET: 'a-secret-of-the-example',
  LOGTO_AUDIENCE: 'https://api.example.com',
}
let env = process.env

if (!LOGTO_URL) {
  const { startIdentityServer } = await import('./identity-server.mjs')
  const { url } = await startIdentityServer({
    port: Number(PORT) + 1,
    appUrl: `http://localhost:${PORT}`,
    appId: local.LOGTO_APP_ID,
    appSecret: local.LOGTO_APP_SECRET,
    audience: local.LOGTO_AUDIENCE,
  })
  console.log(`Identity server listening on ${url}`)
  env = { ...env, ...local, LOGTO_URL: url }
}

installLogtoAuthkit()
const next = createRequire(import.meta.url).resolve('next/dist/bin/next')
const args = [next, 'dev', import.meta.dirname, '-H', 'localhost', '-p', PORT]
const child = spawn(process.execPath, args, { env, stdio: 'inherit' })
child.on('exit', (code) => process.exit(code ?? 1))
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal))
