// `npm test`: from a fresh clone on a fresh machine to the totals of the tests.
// Arguments go to jest (`npm test -- test/protocol`); without any, the whole suite runs and coverage is measured.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build, foreground, installDependencies, requireNode } from './steps.js'
import { requirePrograms } from './programs.js'

requireNode()
await installDependencies()
const programs = await requirePrograms()
await build()

const scratch = mkdtempSync(join(tmpdir(), 'latchkey-test-'))
const totalsFile = join(scratch, 'totals.json')
const given = process.argv.slice(2)
process.exitCode = await foreground(
  [
    process.execPath,
    '--experimental-vm-modules',
    '--disable-warning=ExperimentalWarning',
    'node_modules/jest/bin/jest.js',
    ...(given.length > 0 ? given : ['--coverage']),
  ],
  { ...programs, NODE_ENV: 'test', TOTALS_FILE: totalsFile },
)
printTotals()
rmSync(scratch, { recursive: true, force: true })

/** `N passed, N failed` alone on a line. Nothing at all when jest had nothing to count. */
function printTotals() {
  let totals
  try {
    totals = JSON.parse(readFileSync(totalsFile, 'utf8'))
  } catch {
    return
  }
  const { passed, failed, skipped } = totals
  if (passed + failed + skipped === 0) return
  console.log(`\n${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`)
}
