/** What is to be reached, and whether it is. */
const targets = () => ''
module.exports = { targets }
