const chart = () => ''
module.exports = { chart }
