// Where secrets and tokens may be sent to.

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/

export function isLoopback(url: URL): boolean {
  return LOOPBACK.test(url.hostname) || url.hostname.endsWith('.localhost')
}

/** What is wrong with a URL that requests with credentials will be sent to, or `undefined`. */
export function urlComplaint(value: unknown, allowHttp: boolean): string | undefined {
  if (typeof value !== 'string' || !URL.canParse(value)) return 'must be an absolute https: URL'
  const url = new URL(value)
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return 'must be an absolute https: URL'
  if (url.username !== '' || url.password !== '') return 'must not contain credentials'
  if (url.protocol === 'http:' && !isLoopback(url) && !allowHttp) {
    return 'must be https: (http: only on the loopback interface)'
  }
  return undefined
}

/** A base that paths are put behind can have neither (RFC 8414 §2 says so of issuers). */
export function extrasOf(url: string): string | undefined {
  const { search, hash } = new URL(url)
  return search === '' && hash === '' ? undefined : 'must not have a query or fragment'
}

/** Can it name a resource server (RFC 8707 §2)? */
export function isResource(value: unknown): value is string {
  return typeof value === 'string' && URL.canParse(value) && !value.includes('#')
}
