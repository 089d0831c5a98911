const { testDev, testEdge } = require('../next/variant')

testDev('Next.js 16, Turbopack', 16)
testDev('Next.js 15.5, webpack', 15)
testEdge()
