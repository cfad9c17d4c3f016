import { isIP } from 'node:net'
import { getPublicSuffix } from 'tough-cookie'

/** How a browser relates the page that makes a request to the address it goes to (Fetch Metadata, `Sec-Fetch-Site`). */
export type SiteRelation = 'same-origin' | 'same-site' | 'cross-site' | 'none'

/**
 * @param initiator the page that makes the request; undefined for an address that the user typed.
 * @param urls the address, after it those of the redirects so far: once across sites, the request stays so.
 */
export function siteRelation(initiator: URL | undefined, urls: readonly URL[]): SiteRelation {
  if (initiator === undefined) return 'none'
  if (urls.some((url) => !isSameSite(initiator, url))) return 'cross-site'
  return urls.every((url) => url.origin === initiator.origin) ? 'same-origin' : 'same-site'
}

/** Scheme and registrable domain are equal; the port does not count. */
export function isSameSite(one: URL, other: URL): boolean {
  return one.protocol === other.protocol && registrableDomain(one.hostname) === registrableDomain(other.hostname)
}

function registrableDomain(hostname: string): string {
  const address = hostname.replace(/^\[|\]$/g, '')
  if (isIP(address) !== 0 || !hostname.includes('.')) return hostname
  return getPublicSuffix(hostname, { ignoreError: true }) ?? hostname
}
