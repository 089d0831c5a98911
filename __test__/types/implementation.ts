// Compares the main entry's JavaScript with its declarations: both have the same exports with compatible types.
import type { Equal, Expect } from './equal'

type Declared = typeof import('../../index')
type Implemented = typeof import('../../js/index')

export type SameNames = Expect<Equal<keyof Implemented, keyof Declared>>

export const fits = (implemented: Implemented): Omit<Declared, 'AuthError'> => implemented

// The constructor of `AuthError` is declared as private, which JavaScript cannot express, so the instances are
// compared.
export const errorFits = (error: InstanceType<Implemented['AuthError']>): import('../../index').AuthError => error
