import { extrasOf, urlComplaint } from '../url-rule.ts'

/** What stands in the addresses of one installation of a provider. */
export interface Place {
  readonly host?: string | undefined
  readonly tenant?: string | undefined
  readonly appId?: string | undefined
}

const PLACEHOLDERS: ReadonlySet<string> = new Set<keyof Place>(['host', 'tenant', 'appId'])

/** The rest would be read as something else: a second segment, a query, the segment before. */
const SEGMENT = /^(?!\.{1,2}$)[\w.~-]+$/

/** What a template mentions; a path alone is one below the host. */
export function placeholdersOf(template: string): string[] {
  const names = [...template.matchAll(/\{(\w*)\}/g)].map(([, name = '']) => name)
  return template.startsWith('/') ? ['host', ...names] : names
}

/** What is wrong with a template, wherever the provider is; or `undefined`. */
export function templateComplaint(template: string): string | undefined {
  const unknown = placeholdersOf(template).find((name) => !PLACEHOLDERS.has(name))
  if (unknown !== undefined) return `has the placeholder {${unknown}}; there are {host}, {tenant} and {appId}`
  if (template.lastIndexOf('{host}') <= 0) return undefined
  return 'must begin with {host}, or be without: it stands for the whole address before the path, with its https://'
}

/** The address, its last slash as it is written. Every placeholder must have been checked. */
export function addressAt(template: string, place: Place): string {
  const whole = template.startsWith('/') ? `{host}${template}` : template
  return whole.replace(/\{(\w*)\}/g, (_all, name: keyof Place) => {
    const value = place[name] ?? ''
    return name === 'host' ? baseOf(value) : value
  })
}

/** What is wrong with an address, or `undefined`. */
export function addressComplaint(template: string, place: Place, allowHttp: boolean): string | undefined {
  const complaint = templateComplaint(template)
  if (complaint !== undefined) return complaint
  const missing = placeholdersOf(template).find((name) => place[name as keyof Place] === undefined)
  if (missing !== undefined) return `needs "${missing}", which is missing`
  const address = addressAt(template, place)
  return urlComplaint(address, allowHttp) ?? (address.includes('#') ? 'must not have a fragment' : undefined)
}

export function hostComplaint(host: string, allowHttp: boolean): string | undefined {
  const url = withScheme(host)
  const complaint = urlComplaint(url, allowHttp) ?? extrasOf(url)
  return complaint === undefined ? undefined : `must be a host name, or a URL: ${complaint}`
}

export function segmentComplaint(segment: string): string | undefined {
  if (SEGMENT.test(segment)) return undefined
  return 'must be one segment of the path, of letters, digits and "-", "_", "." or "~"'
}

/** Where paths are put behind: neither a slash more nor one less. */
function baseOf(host: string): string {
  const { origin, pathname } = new URL(withScheme(host))
  return origin + pathname.replace(/\/+$/, '')
}

function withScheme(host: string): string {
  return host.includes('://') ? host : `https://${host}`
}
