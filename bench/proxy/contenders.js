import { nginx } from './nginx.js'

export const LATCHKEY = 'latchkey'
export const LATCHKEY_PLAIN = 'latchkey, without createServer'
export const MIDDLEWARE = 'http-proxy-middleware'
export const REPLY_FROM = 'fastify + @fastify/reply-from'
export const NGINX = 'nginx'

/** Proxies at which nobody signs in, and that add no token. */
export const contenders = [
  { name: LATCHKEY, file: 'proxy/latchkey.js' },
  { name: LATCHKEY_PLAIN, file: 'proxy/latchkey.js', isPlain: true },
  { name: MIDDLEWARE, file: 'proxy/http-proxy-middleware.js' },
  { name: REPLY_FROM, file: 'proxy/reply-from.js' },
  { name: NGINX, program: 'nginx', debian: 'nginx-light', command: nginx },
]

export const packages = ['express', 'http-proxy-middleware', 'fastify', '@fastify/reply-from']
