// The entry's JavaScript against the declarations that users see: the same exports, and each of a type that fits.
import type { Equal, Expect } from './equal'

type Declared = typeof import('../../index')
type Implemented = typeof import('../../js/index')

export type SameNames = Expect<Equal<keyof Implemented, keyof Declared>>

export const fits = (implemented: Implemented): Omit<Declared, 'AuthError'> => implemented

// Its declared constructor is private, which no real one is: the instances are compared.
export const errorFits = (error: InstanceType<Implemented['AuthError']>): import('../../index').AuthError => error
