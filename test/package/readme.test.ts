import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { AuthError, latchkey, type AuthErrorCode } from '../../lib/index.ts'
import { oidc } from '../../lib/providers/index.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const run = promisify(execFile)

/** The names in the first column of the table below a heading or a line that contains `before`. */
function firstColumn(readme: string, before: string): string[] {
  const table =
    readme
      .slice(readme.indexOf(before))
      .split('\n\n')
      .find((block) => block.startsWith('|')) ?? ''
  const rows = table.split('\n').slice(2)
  return rows.flatMap((row) => [...(row.split('|')[1] ?? '').matchAll(/`(\w+)`/g)].map((match) => match[1] ?? ''))
}

/** What a factory says it knows when it is given an option that looks like none. */
function knownOptions(construct: () => unknown): string[] {
  try {
    construct()
  } catch (error) {
    if (error instanceof AuthError) return /expected one of ([\w, ]+)/.exec(error.message)?.[1]?.split(', ') ?? []
  }
  return []
}

const unknown = { qqqqqqqqqqqq: 1 } as never

describe('the README', () => {
  let readme: string
  let scratch: string
  beforeAll(async () => {
    readme = await readFile(join(root, 'README.md'), 'utf8')
    scratch = await mkdtemp(join(root, 'test', 'package', '.readme-'))
  })
  afterAll(() => rm(scratch, { recursive: true, force: true }))

  test('has code that compiles, with the strictest settings', async () => {
    const blocks = [...readme.matchAll(/```ts\n([\s\S]*?)```/g)].map((match) => match[1] ?? '')
    expect(blocks).not.toEqual([])
    await Promise.all(blocks.map((block, at) => writeFile(join(scratch, `block-${at}.ts`), block)))
    const config = { extends: '../../../tsconfig.json', compilerOptions: { noUnusedLocals: false }, include: ['*.ts'] }
    await writeFile(join(scratch, 'tsconfig.json'), JSON.stringify(config))

    await expect(run('npx', ['--no-install', 'tsc', '-p', scratch], { cwd: root })).resolves.toMatchObject({
      stdout: '',
    })
  }, 60_000)

  test('lists every error code with its status', () => {
    const listed = [...readme.matchAll(/^\| `(ERR_AUTH_\w+)`\s*\| (\d{3})/gm)].map(
      ([, code, status]) => [code, Number(status)] as const,
    )
    const actual = listed.map(([code]) => [code, new AuthError(code as AuthErrorCode, '').status])

    expect(listed).toEqual(actual)
    expect(listed.flatMap(([code]) => code ?? []).toSorted()).toEqual(codes(errorsSource))
  })

  test.each([
    ['latchkey(options)', () => latchkey(unknown)],
    ['oidc(options)', () => oidc(unknown)],
  ])('lists every option of %s', (name, construct) => {
    expect(firstColumn(readme, `\`${name}\``).toSorted()).toEqual(knownOptions(construct).toSorted())
  })
})

const errorsSource = await readFile(join(root, 'lib', 'errors.ts'), 'utf8')

function codes(source: string): string[] {
  return [...new Set([...source.matchAll(/'(ERR_AUTH_\w+)'/g)].map((match) => match[1] ?? ''))].toSorted()
}
