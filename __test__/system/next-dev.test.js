const { testDev, testEdge } = require('../next/variant')

testDev('Next.js 16, Turbopack, with a base path', 16, '/shop')
testDev('Next.js 15.5, webpack', 15)
testEdge()
