// Loaded into the example app's process before it starts (node --import): prints every secret that goes over the wire of any server in it,
// so that a test can look for them where none may be. Each line: SECRET, and the value in base64url.
import http from 'node:http'

const HIDDEN = new Set(['access_token', 'client_secret', 'code', 'code_verifier', 'id_token', 'id_token_hint', 'refresh_token', 'token']) // prettier-ignore
const seen = new Set()

const emit = Reflect.get(http.Server.prototype, 'emit')
http.Server.prototype.emit = function emitAndTap(event, ...given) {
  if (event === 'request') tap(...given)
  return emit.call(this, event, ...given)
}

function tap(req, res) {
  const [sent, answered] = [[], []]
  const { push } = req
  req.push = (chunk, ...rest) => {
    if (chunk !== null) sent.push(Buffer.from(chunk))
    return push.call(req, chunk, ...rest)
  }
  for (const name of ['write', 'end']) {
    const original = res[name]
    res[name] = (chunk, ...rest) => {
      if (typeof chunk === 'string' || chunk instanceof Uint8Array) answered.push(Buffer.from(chunk))
      return original.call(res, chunk, ...rest)
    }
  }
  res.once('close', () => {
    lookAtHeader(req.headers.authorization)
    lookAt(req.url.split('?')[1] ?? '')
    for (const chunks of [sent, answered]) lookAt(Buffer.concat(chunks).toString('utf8'))
  })
}

function lookAt(text) {
  let entries
  try {
    entries = Object.entries(JSON.parse(text))
  } catch {
    entries = [...new URLSearchParams(text)]
  }
  for (const [name, value] of entries) if (HIDDEN.has(name)) tell(value)
}

function lookAtHeader(authorization = '') {
  const [scheme, credentials] = authorization.split(' ')
  tell(credentials)
  if (scheme === 'Basic') tell(Buffer.from(credentials, 'base64').toString('utf8').split(':')[1])
}

function tell(value) {
  if (typeof value !== 'string' || value.length < 6 || seen.has(value)) return
  seen.add(value)
  console.log(`SECRET ${Buffer.from(value).toString('base64url')}`)
}
