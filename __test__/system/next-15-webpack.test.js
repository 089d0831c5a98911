const { testVariant } = require('../next/variant')

testVariant({ name: 'Next.js 15.5, webpack', next: 15, args: [], isStandalone: false })
