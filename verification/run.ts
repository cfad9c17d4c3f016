// Verifies presets against independent servers of the families that their providers evidently belong to: npm run verify [-- healthkey]
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { checkPreset } from './checks.ts'
import { djangoOAuthToolkit } from './django-oauth-toolkit/family.ts'
import { checkToolkit } from './django-oauth-toolkit/checks.ts'
import { doorkeeper } from './doorkeeper/family.ts'
import { checkDoorkeeper } from './doorkeeper/checks.ts'
import { CLIENT_ID, CLIENT_SECRET, PUBLIC_CLIENT_ID, type Family } from './family.ts'
import { PASSWORD, USER } from './person.ts'
import { ServerProcess } from './server-process.ts'
import { Site } from './site.ts'
import { Table } from './table.ts'

const site = await Site.open()
const table = new Table()
const missing: string[] = []

const families = [
  [djangoOAuthToolkit, checkToolkit],
  [doorkeeper, checkDoorkeeper],
] as const
const wanted = process.argv.slice(2)

for (const [family, checkFamily] of families) {
  if (wanted.length > 0 && !wanted.includes(family.preset)) continue
  const versions = await installed(family)
  if (versions === undefined) {
    missing.push(...family.packages)
    continue
  }
  console.log(`\n${family.preset}() against ${versions}\n`)
  const start = (options: object = {}): Promise<ServerProcess> =>
    ServerProcess.start(family.command, {
      redirect_uri: `${site.url}/callback`,
      user: USER,
      password: PASSWORD,
      clients: [{ id: CLIENT_ID, secret: CLIENT_SECRET }, { id: PUBLIC_CLIENT_ID }],
      ...options,
    })
  const server = await start()
  try {
    const setting = { family, server, site, table }
    await checkPreset(setting)
    await checkFamily(setting, versions, start)
  } finally {
    await server.stop()
  }
}
await site.close()

console.log(`\n${table.results.length - table.wrong.length} as expected, ${table.wrong.length} not`)
if (missing.length > 0) {
  console.error(
    `Not verified, for something is not installed: apt-get install --no-install-recommends ${missing.join(' ')}`,
  )
}
process.exitCode = table.wrong.length > 0 || missing.length > 0 ? 1 : 0

async function installed({ versions: [program, ...args] }: Family): Promise<string | undefined> {
  try {
    return (await promisify(execFile)(program, args)).stdout.trim()
  } catch {
    return undefined
  }
}
