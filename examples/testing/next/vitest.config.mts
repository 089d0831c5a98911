import { defineConfig } from 'vitest/config'

// The alias of tsconfig.json. If your `app` folder is in `src`, use `${import.meta.dirname}/src`.
export default defineConfig({ resolve: { alias: { '@': import.meta.dirname } } })
