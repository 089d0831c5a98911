// What an application registers once: these tests are a program with guests, and those in `plain` are one without.

declare module 'logto-authkit' {
  interface Register {
    guests: true
    claims: { plan: 'free' | 'pro' }
  }
}

export type {}
