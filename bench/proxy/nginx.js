import { join } from 'node:path'
import { fillIn } from '../support/scratch.js'

/** @returns the command that starts nginx as a contender. */
export function nginx({ port, upstream }) {
  const values = { PORT: port, UPSTREAM: new URL(upstream).host }
  const { scratch, file } = fillIn(new URL('nginx.conf', import.meta.url), values)
  return ['nginx', '-e', join(scratch, 'error.log'), '-c', file]
}
