// Loaded before each contender: lets the bench kill the process that refreshes, at a certain point. Refresh requests say which process
// sends them, and on demand ask before they are sent; whoever never gets an answer was killed.
const send = globalThis.fetch
let isArmed = false
let waiting = []

globalThis.fetch = async function fetchAsKillable(url, init) {
  const form = init?.body instanceof URLSearchParams ? init.body : new URLSearchParams(init?.body)
  if (form.get('grant_type') !== 'refresh_token') return send(url, init)
  if (isArmed) {
    process.send({ reached: 'claimed', pid: process.pid })
    await new Promise((goOn) => waiting.push(goOn))
  }
  const headers = new Headers(init.headers)
  headers.set('bench-process', String(process.pid))
  return send(url, { ...init, headers })
}

process.on('message', ({ arm }) => {
  isArmed = arm
  if (arm) return
  for (const goOn of waiting) goOn()
  waiting = []
})
