const { testVariant } = require('../next/variant')

testVariant({
  name: 'Next.js 16, webpack, standalone, pnpm',
  next: 16,
  args: ['--webpack'],
  isStandalone: true,
  isLinked: true,
})
