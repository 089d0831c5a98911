const express = require('express')
const { logtoAuth, protect } = require('logto-authkit/express')

/** @param {string} logtoUrl - Your Logto's address; in tests, the test issuer's. */
function createApp(logtoUrl) {
  const app = express()
  app.use(logtoAuth({ logtoUrl, audience: 'https://api.example.com' }))
  app.get('/orders', protect({ requiredScope: 'read:orders' }), (req, res) => res.json({ of: req.auth.userId }))
  return app
}

module.exports = { createApp }
