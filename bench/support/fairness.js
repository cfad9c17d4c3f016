// A contender counts only if it does the job: guards what it should, and leaves bodies as they are.
import assert from 'node:assert/strict'

/** @throws an error that says why the contender does not count. */
export async function demandFairPlay(contender, suite) {
  const { origin, headers, isGuarded } = contender
  for (const { path, check } of suite.cases) {
    if (isGuarded) {
      await demandRefusal(origin + path, {}, 'without a session')
      await demandRefusal(origin + path, { cookie: forged(headers.cookie) }, 'with a forged session cookie')
    }
    const response = await fetch(origin + path, { headers })
    assert.equal(response.status, 200, `${path}: status ${response.status} when signed in`)
    await check(response)
  }
  if (isGuarded) await suite.checkSignedIn?.(contender)
}

async function demandRefusal(url, headers, how) {
  const response = await fetch(url, { headers, redirect: 'manual' })
  await response.arrayBuffer()
  assert.ok(response.status >= 300, `lets a request in ${how}: status ${response.status}`)
}

/** Each cookie with its last characters changed. */
function forged(cookie) {
  return cookie.replace(/[^;]{6}(?=;|$)/g, (end) => (end === 'AAAAAA' ? 'BBBBBB' : 'AAAAAA'))
}
