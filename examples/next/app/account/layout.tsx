import type { ReactNode } from 'react'
import { Ask } from '../ask'
import { Order } from '../cart/order'

export default function Layout({ children }: { children: ReactNode }) {
  return (
    <>
      {children}
      <Order />
      <Ask path="/api/orders" />
    </>
  )
}
