'use client'

import { useState } from 'react'

/** A button that shows what the API answers to this browser. */
export function Ask({ path }: { path: string }) {
  const [answer, setAnswer] = useState('')
  const ask = async () => {
    const response = await fetch(path)
    setAnswer(`${response.status} ${await response.text()}`)
  }
  return (
    <p>
      <button type="button" onClick={ask}>
        GET {path}
      </button>
      <output>{answer}</output>
    </p>
  )
}
