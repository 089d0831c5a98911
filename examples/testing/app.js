const express = require('express')
const { logtoAuth, protect } = require('logto-authkit/express')

/** @param {string} logtoUrl - The URL of your Logto instance or, in tests, of the test issuer. */
function createApp(logtoUrl) {
  const app = express()
  app.use(logtoAuth({ logtoUrl, audience: 'https://api.example.com' }))
  app.get('/orders', protect({ requiredScope: 'read:orders' }), (req, res) => res.json({ owner: req.auth.userId }))
  return app
}

module.exports = { createApp }
