// Registrations of an application that allows guests. The tests in `plain` are an application without guests.

declare module 'logto-authkit' {
  interface Register {
    guests: true
    claims: { plan: 'free' | 'pro' }
  }
}

export type {}
