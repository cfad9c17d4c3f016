import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** @returns the command that starts nginx as a contender. */
export function nginx({ port, upstream }) {
  const scratch = mkdtempSync(join(tmpdir(), 'latchkey-bench-'))
  const template = readFileSync(new URL('nginx.conf', import.meta.url), 'utf8')
  const values = { SCRATCH: scratch, PORT: port, UPSTREAM: new URL(upstream).host }
  writeFileSync(
    join(scratch, 'nginx.conf'),
    template.replace(/\b(SCRATCH|PORT|UPSTREAM)\b/g, (name) => values[name]),
  )
  return ['nginx', '-e', join(scratch, 'error.log'), '-c', join(scratch, 'nginx.conf')]
}
