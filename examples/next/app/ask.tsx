'use client'

import { useState } from 'react'

/** A button that calls the API from the browser and shows the response. */
export function Ask({ path }: { path: string }) {
  const [result, setResult] = useState('')
  const ask = async () => {
    const response = await fetch(path)
    setResult(`${response.status} ${await response.text()}`)
  }
  return (
    <p>
      <button type="button" onClick={ask}>
        GET {path}
      </button>
      <output>{result}</output>
    </p>
  )
}
