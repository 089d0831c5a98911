export default function Page() {
  return (
    <>
      <h1>A shop of cups</h1>
      <p>Everybody can look around. A visitor has a cart, which is kept under a guest’s id; to order, one signs in.</p>
      <ul>
        <li>
          <a href="/cart">The cart</a> is for guests and users.
        </li>
        <li>
          <a href="/account">The account</a> is for users: it leads to the sign-in and back.
        </li>
      </ul>
    </>
  )
}
