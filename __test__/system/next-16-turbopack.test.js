const { testVariant } = require('../next/variant')

testVariant({ name: 'Next.js 16, Turbopack, standalone', next: 16, args: [], isStandalone: true })
