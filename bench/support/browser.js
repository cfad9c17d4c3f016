import { once } from 'node:events'
import { request } from 'node:http'
import { PASSWORD, USER } from './fixtures.js'

/** Signs alice in at a contender, as a browser does. @returns the contender's cookies, as a `Cookie` header. */
export async function signIn(origin) {
  const cookies = new Map()
  let next = { url: `${origin}/login` }
  for (let hop = 0; hop < 20; hop += 1) {
    const { status, location, page } = await send(next, cookies)
    if (status >= 500) throw new Error(`signing in, ${new URL(next.url).pathname} answered with ${status}`)
    next = location === undefined ? filledForm(page, next.url) : { url: new URL(location, next.url).href }
    if (next === undefined) return cookieHeader(cookies, origin)
  }
  throw new Error(`signing in at ${origin} takes more than 20 hops`)
}

/** Not `fetch`, which will not have it said that this is a navigation. */
async function send({ url, form }, cookies) {
  const { origin } = new URL(url)
  const headers = {
    cookie: cookieHeader(cookies, origin),
    accept: 'text/html',
    'sec-fetch-mode': 'navigate',
    'sec-fetch-dest': 'document',
  }
  if (form !== undefined) headers['content-type'] = 'application/x-www-form-urlencoded'
  const sent = request(url, { method: form === undefined ? 'GET' : 'POST', headers, agent: false }).end(form)
  const [response] = await once(sent, 'response')
  const page = (await response.setEncoding('utf8').toArray()).join('')

  const jar = cookies.get(origin) ?? new Map()
  cookies.set(origin, jar)
  for (const cookie of response.headers['set-cookie'] ?? []) {
    const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie)
    if (value === '') jar.delete(name)
    else jar.set(name, value)
  }
  return { status: response.statusCode, location: response.headers.location, page }
}

/**
 * The authorization server of the example app asks for the password and then for consent; the first button is the one that says yes.
 * @auth/express asks where to sign in, with a button that has no name.
 */
function filledForm(page, url) {
  const [, form, content] = /<form\b([^>]*)>(.*?)<\/form>/is.exec(page) ?? []
  if (form === undefined) return undefined
  const [button] = /<button\b[^>]*>/i.exec(content)
  const hidden = content.match(/<input\b[^>]*type="hidden"[^>]*>/gi) ?? []
  const sent = [...hidden, button].map((tag) => [attribute(tag, 'name'), attribute(tag, 'value')])
  const fields = new URLSearchParams(sent.filter(([name]) => name !== undefined))
  fields.set('login', USER.sub)
  fields.set('password', PASSWORD)
  return { url: new URL(attribute(form, 'action') ?? url, url).href, form: fields.toString() }
}

function attribute(tag, name) {
  return new RegExp(`\\b${name}="([^"]*)"`, 'i').exec(tag)?.[1]
}

function cookieHeader(cookies, origin) {
  return [...(cookies.get(origin) ?? [])].map(([name, value]) => `${name}=${value}`).join('; ')
}
