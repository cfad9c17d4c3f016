import { chmodSync, existsSync } from 'node:fs'
import { CLIENT, SECRET } from '../support/fixtures.js'
import { fillIn } from '../support/scratch.js'

/** Where Debian's packages put them. */
const MODULES = '/usr/lib/apache2/modules'

export function hasOpenidc() {
  return existsSync(`${MODULES}/mod_auth_openidc.so`)
}

/** @returns the command that starts apache2 as a contender. */
export function apache({ port, upstream, issuer }) {
  const { file, scratch } = fillIn(new URL('apache.conf', import.meta.url), {
    MODULES,
    PORT: port,
    UPSTREAM: new URL(upstream).host,
    ISSUER: issuer,
    CLIENT_ID: CLIENT.clientId,
    CLIENT_SECRET: CLIENT.clientSecret,
    PASSPHRASE: SECRET,
  })
  // The processes that serve are another user's.
  chmodSync(scratch, 0o755)
  return ['apache2', '-f', file, '-DFOREGROUND']
}
