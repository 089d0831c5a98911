import { call } from './scene.mjs'

/** How long an instance may accept a token after it was revoked, in milliseconds. */
const LIMIT_MS = 1000

/** Suspends one user and signs out the other. Returns whether both instances reject the users' tokens in time. */
export async function check(scene) {
  const { instances, users } = scene
  const accounts = [...users.values()]
  for (const user of accounts) {
    await scene.signIn(user.name)
    for (const instance of instances) report(user, instance, await call(instance, user))
  }
  let hasPassed = true
  for (const [action, user] of [
    ['suspend', accounts[0]],
    ['signOut', accounts[1]],
  ]) {
    console.log(`${action} ${user.name}`)
    const rejections = instances.map((instance) => rejected(instance, user))
    await scene[action](user.name)
    for (const [i, answer] of (await Promise.all(rejections)).entries()) {
      report(user, instances[i], answer)
      hasPassed &&= answer.startsWith('401 token_revoked')
    }
  }
  return hasPassed

  function report({ name }, instance, answer) {
    console.log(`  ${name.padEnd(5)}  instance ${instances.indexOf(instance) + 1}  ${answer}`)
  }
}

/** Calls an instance until it rejects a user's token. */
async function rejected(instance, user) {
  for (;;) {
    const answer = await call(instance, user)
    const elapsed = Math.round(performance.now() - (user.revokedAt ?? performance.now()))
    if (answer !== '200') return `${answer} after ${elapsed} ms`
    if (elapsed > LIMIT_MS) return `${answer} after ${elapsed} ms, which is too late`
  }
}
