// Whose a header is, by its name. Names are compared as servers do that hand them on as variables (CGI, WSGI, PHP): there `X_User-ID` is
// the same as `x-user-id`.

/** About one connection only (RFC 9110 §7.6.1, RFC 7540 §3.2.1), and what Node or undici write themselves. */
export const PER_HOP: ReadonlySet<string> = new Set([
  'connection',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/**
 * Never taken over from the caller: credentials that are not for the target, and what a server in front says of who called or what for.
 * That is us.
 */
const OWN = new Set([
  'authorization',
  'cf-connecting-ip',
  'client-cert', // RFC 9440 §4
  'client-cert-chain',
  'cookie',
  'cookie2',
  'expect',
  'forwarded',
  'forwarded-for',
  'host',
  'proxy', // HTTP_PROXY, where headers become variables
  'true-client-ip',
  'x-client-ip',
  'x-cluster-client-ip',
  'x-forwarded',
  'x-host',
  'x-original-forwarded-for',
  'x-original-host',
  'x-original-url',
  'x-original-uri',
  'x-real-ip',
  'x-rewrite-url',
])

/** What proxies say of a request and its connection; then, of who called, those that a target may have been behind before. */
const OWN_PREFIX = new RegExp(
  `^(?:${[
    'x-forwarded-',
    'proxy-',
    '(?:x-)?ssl-client-',
    'x-envoy-',
    '(?:x-)?remote-', // Apache, Authelia
    'x-auth-request-', // oauth2-proxy
    'x-authentik-',
    'x-pomerium-',
    'x-webauth-',
    'x-vouch-',
    'oidc-', // mod_auth_openidc
    'x-(?:authenticated|consumer|credential)-', // Kong
    'x-(?:[a-z]+-api-)?userinfo$', // APISIX, Google's gateways
    'x-(?:raw-)?id-token$', // APISIX
    'tailscale-',
    'cf-access-(?:jwt|authenticated)-',
    'x-amzn-(?:oidc|mtls)-',
    'x-arr-clientcert$', // Azure
    'x-goog-(?:authenticated-user|iap)-',
    'x-ms-(?:client-principal|token)(?:-|$)',
  ].join('|')})`,
)

/** They make a POST another method, past the list of those that are allowed. */
export const METHOD_OVERRIDES: readonly string[] = ['x-http-method', 'x-http-method-override', 'x-method-override']

const FOREIGN_TO_FOLD = /[^a-z\d-]/
const EVERY_FOREIGN = /[^a-z\d]/g

/** @param lower a name in lower case. */
export function folded(lower: string): string {
  return FOREIGN_TO_FOLD.test(lower) ? lower.replace(EVERY_FOREIGN, '-') : lower
}

/** @param lower a name in lower case. */
export function isOwnName(lower: string): boolean {
  const name = folded(lower)
  if (OWN.has(name) || PER_HOP.has(name)) return true
  if (OWN_PREFIX.test(name)) return true
  return name === 'content-length' && lower !== name
}

/** What a header's name is made of (RFC 9110 §5.6.2). */
export const TOKEN: RegExp = /^[\w!#$%&'*+.^`|~-]+$/

/** Says something of the message, its way or its credentials, and so nothing of the user. @param lower a name in lower case. */
export function isAboutTheMessage(lower: string): boolean {
  const name = folded(lower)
  return PER_HOP.has(name) || MESSAGE.has(name) || /^(?:content|proxy|access-control|sec|if)-/.test(name)
}

const MESSAGE = new Set([
  'accept',
  'authorization',
  'cookie',
  'date',
  'expect',
  'forwarded',
  'host',
  'origin',
  'proxy',
  'range',
  'referer',
  'user-agent',
  'via',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-forwarded-prefix',
  'x-forwarded-proto',
])

/** Those that a `Connection` header names. */
export function namedByConnection(connection: string): ReadonlySet<string> {
  const names = connection.split(',').map((name) => folded(name.trim().toLowerCase()))
  return new Set(names.filter((name) => name !== ''))
}
