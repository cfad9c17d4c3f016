import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const folders = []

/** A folder that is gone after the run. */
export function scratchFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-bench-'))
  folders.push(folder)
  return folder
}

process.on('exit', () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

/** Fills a template in: `values` by name, names in capitals. @returns where it went; `SCRATCH` is the folder. */
export function fillIn(template, values) {
  const scratch = scratchFolder()
  const all = { SCRATCH: scratch, ...values }
  const names = new RegExp(`\\b(${Object.keys(all).join('|')})\\b`, 'g')
  const file = join(scratch, 'filled.conf')
  writeFileSync(
    file,
    readFileSync(template, 'utf8').replace(names, (name) => all[name]),
  )
  return { scratch, file }
}
