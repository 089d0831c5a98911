'use client'

import { useActionState } from 'react'
import { placeOrder } from '@/lib/actions'

export function Order() {
  const [message, action, isPending] = useActionState(placeOrder, '')
  return (
    <form action={action}>
      <label>
        Cups <input type="number" name="cups" min="1" defaultValue="2" required />
      </label>
      <button type="submit" disabled={isPending}>
        Order
      </button>
      <output>{message}</output>
    </form>
  )
}
