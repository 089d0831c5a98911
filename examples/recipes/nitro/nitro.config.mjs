import { defineConfig } from 'nitro'

export default defineConfig({
  serverDir: './server',
  traceDeps: ['logto-authkit'], // copies the package with its addon, which cannot be bundled
})
