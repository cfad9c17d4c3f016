// A contender counts only if it does the job: guards what it should, and leaves bodies as they are.
import assert from 'node:assert/strict'
import { bytes } from './bytes.js'

/** @throws an error that says why the contender does not count. */
export async function demandFairPlay(contender, suite) {
  const { origin, headers, isGuarded, sessionCookie } = contender
  for (const one of suite.cases) {
    const { path, check } = one
    if (isGuarded) {
      await demandRefusal(origin, one, {}, 'without a session')
      await demandRefusal(
        origin,
        one,
        { cookie: forged(headers.cookie, sessionCookie) },
        'with a forged session cookie',
      )
    }
    const response = await send(origin, one, headers)
    assert.equal(response.status, 200, `${path}: status ${response.status}${isGuarded ? ' when signed in' : ''}`)
    await check(response)
  }
  if (isGuarded) await suite.checkSignedIn?.(contender)
}

async function demandRefusal(origin, one, headers, how) {
  const response = await send(origin, one, headers)
  await response.arrayBuffer()
  const { status } = response
  assert.ok(status >= 300 && status < 500, `does not refuse a request ${how}: status ${status}`)
}

/** `bench-hash`: the upstream is to tell the hash of what arrived. */
async function send(origin, { path, method, size, headers: own }, headers) {
  const body = size === undefined ? undefined : bytes(size)
  return fetch(origin + path, {
    method,
    body,
    headers: { ...headers, ...own, ...(body && { 'bench-hash': '1' }) },
    redirect: 'manual',
  })
}

/** Each cookie with its last characters changed, or only that with this name. */
function forged(cookie, only) {
  const pairs = cookie.split('; ')
  return pairs.map((pair) => (only === undefined || pair.startsWith(`${only}=`) ? otherEnd(pair) : pair)).join('; ')
}

function otherEnd(pair) {
  return pair.replace(/.{6}$/, (end) => (end === 'AAAAAA' ? 'BBBBBB' : 'AAAAAA'))
}
