const { testVariant } = require('../next/variant')

testVariant({
  name: 'Next.js 15.5, Turbopack, standalone, pnpm',
  next: 15,
  args: ['--turbopack'],
  isStandalone: true,
  isLinked: true,
})
