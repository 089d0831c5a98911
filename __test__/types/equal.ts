/** `true` if both types are identical rather than only assignable. */
export type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

/** Compiles only for `Expect<true>`. */
export type Expect<Holds extends true> = Holds
