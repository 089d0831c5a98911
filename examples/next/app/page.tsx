export default function Page() {
  return (
    <>
      <h1>A shop of cups</h1>
      <p>Anyone can browse the shop. Visitors get a cart that is stored under a guest id. Sign in to place an order.</p>
      <ul>
        <li>
          <a href="/cart">Cart</a>: for guests and users.
        </li>
        <li>
          <a href="/account">Account</a>: for users. Visitors are sent to the sign-in page and back.
        </li>
      </ul>
    </>
  )
}
